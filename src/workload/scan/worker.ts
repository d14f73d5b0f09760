/** The worker of a parallel scan: compares one range and answers whether it is intact. Owns nothing else. */
import { intactRange, type Order } from "./scan.ts";

declare const self: { onmessage: (event: MessageEvent<Order>) => void };

self.onmessage = ({ data }) => {
  postMessage(intactRange(data));
};
