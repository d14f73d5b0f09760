/**
 * The ways out of a guest: four virtio ports, and the same four streams on a second serial line for a kernel without
 * virtio_console.
 *
 * Owns their order and their ends. A guest that is gone takes along what its ports still held (the last pieces of a large
 * report or of evidence, on a busy host), so it waits until every stream has come to its end here. Refuses to read them.
 */
import { GuestChannel, MarkedStream } from "./channel.ts";

const PORTS = ["status", "stdout", "stderr", "files"] as const;
type Port = (typeof PORTS)[number];
export type Takers = Readonly<Record<Port, (bytes: Uint8Array) => void>>;

/** Listens; `end` hands over what was held back, when the guest is gone. */
export function openPorts(takers: Takers): { readonly channels: readonly GuestChannel[]; end(): void } {
  const streams: MarkedStream[] = [];
  let open = PORTS.length - 1;
  const marked = (take: (bytes: Uint8Array) => void) => {
    const stream = new MarkedStream(take, () => {
      open -= 1;
      if (open === 0) status.answer("taken");
    });
    streams.push(stream);
    return (bytes: Uint8Array) => stream.push(bytes);
  };
  const port = (name: Port, take: (bytes: Uint8Array) => void) =>
    new GuestChannel(name, take, portDevice(PORTS.indexOf(name) + 1));
  const status = port("status", takers.status);
  const serial = new SerialReader(takers);
  const channels = [
    status,
    port("stdout", marked(takers.stdout)),
    port("stderr", marked(takers.stderr)),
    port("files", marked(takers.files)),
    new GuestChannel(
      "serial",
      (bytes) => serial.push(bytes),
      (label) => ["-device", `isa-serial,chardev=${label}`],
    ),
  ];
  const end = () => {
    for (const stream of streams) stream.end();
  };
  return { channels, end };
}

const portDevice = (number: number) => (label: string) => [
  "-device",
  `virtserialport,nr=${number},chardev=${label},name=${label}`,
];

/** The second serial line: "status LINE", and "stdout", "stderr" and "files" each with a piece in base64. */
export class SerialReader {
  readonly #takers: Takers;
  #text = "";

  constructor(takers: Takers) {
    this.#takers = takers;
  }

  push(bytes: Uint8Array): void {
    const lines = (this.#text + Buffer.from(bytes).toString("latin1")).split("\n");
    this.#text = lines.pop() ?? "";
    for (const line of lines) {
      const [, name, value = ""] = /^(\w+) (.*?)\r?$/.exec(line) ?? [];
      if (name === "status") this.#takers.status(Buffer.from(`${value}\n`));
      else if (name === "stdout" || name === "stderr" || name === "files")
        this.#takers[name](Buffer.from(value, "base64"));
    }
  }
}
