/** The worker of a parallel scan: compares one range and answers whether it is intact. Owns nothing else. */
import { intactRange, type ScanOrder } from "./scan.ts";

declare const self: { onmessage: (event: MessageEvent<ScanOrder>) => void };

self.onmessage = ({ data }) => {
  postMessage(intactRange(data));
};
