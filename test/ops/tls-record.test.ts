/** TLS records in user space: against a trace of the standard, and against themselves with every cipher. */
import { expect, test } from "bun:test";
import { type TlsCipher, type TlsKeys, testKeys } from "../../src/ops/tls.ts";
import { open as openRecord, seal as sealRecord, TLS_APPLICATION_DATA } from "../../src/ops/tls-record.ts";

const hex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(" ", ""), "hex"));

test("the client's first record of application data in RFC 8448, section 3", () => {
  const nonce = hex("5b 78 92 3d ee 08 57 90 33 e5 23 d9");
  const keys: TlsKeys = {
    version: "1.3",
    cipher: "aes-128-gcm",
    key: hex("17 42 2d da 59 6e d5 d9 ac d8 90 e3 c6 3f 50 51"),
    salt: nonce.subarray(0, 4),
    iv: nonce.subarray(4),
  };
  const data = Uint8Array.from({ length: 50 }, (_, index) => index);
  const wire =
    "17 03 03 00 43 a2 3f 70 54 b6 2c 94 d0 af fa fe 82 28 ba 55 cb ef ac ea 42 f9 14 aa 66 bc ab 3f 2b 98 19 a8 a5 " +
    "b4 6b 39 5b d5 4a 9a 20 44 1e 2b 62 97 4e 1f 5a 62 92 a2 97 70 14 bd 1e 3d ea e6 3a ee bb 21 69 49 15 e4";
  expect(Buffer.from(sealRecord(keys, { sequence: 0, data })).toString("hex")).toBe(wire.replaceAll(" ", ""));
  const opened = openRecord(keys, { sequence: 0, bytes: hex(wire) });
  expect([opened.type, opened.paddingBytes, Buffer.from(opened.data).equals(data)]).toEqual([23, 0, true]);
});

const CIPHERS: TlsCipher[] = ["aes-128-gcm", "aes-256-gcm"];
const combinations = CIPHERS.flatMap((cipher) =>
  (["1.2", "1.3"] as const).map((version) => [version, cipher] as const),
);

test.each(combinations)(
  "TLS %s with %s: back as it went, and refused when a bit or the number differs",
  (version, cipher) => {
    const keys = testKeys({ version, cipher });
    const data = new Uint8Array(Buffer.from("the very bytes"));
    const paddingBytes = version === "1.3" ? 300 : 0;
    const bytes = sealRecord(keys, { sequence: 7, data, paddingBytes });
    const opened = openRecord(keys, { sequence: 7, bytes });
    expect({ ...opened, data: Buffer.from(opened.data).toString() }).toEqual({
      ...{ sequence: 7, type: TLS_APPLICATION_DATA, paddingBytes, data: "the very bytes" },
    });
    expect(() => openRecord(keys, { sequence: 8, bytes })).toThrow();
    bytes[bytes.length - 1] = (bytes[bytes.length - 1] as number) ^ 1;
    expect(() => openRecord(keys, { sequence: 7, bytes })).toThrow();
  },
);

test("TLS 1.2 has no padding", () => {
  const record = { sequence: 0, data: new Uint8Array(1), paddingBytes: 1 };
  expect(() => sealRecord(testKeys({ version: "1.2" }), record)).toThrow("no padding");
});

test("ChaCha20 is refused in one line", () => {
  const record = { sequence: 0, data: new Uint8Array(1) };
  expect(() => sealRecord(testKeys({ version: "1.3", cipher: "chacha20-poly1305" }), record)).toThrow("only AES-GCM");
});
