/**
 * What fio stores as sha256 (`verify=sha256`): 64 bytes, the buffer of its implementation after the last block. That is
 * the padded last block, with the length in the machine's byte order (SHA-256, FIPS 180-4, has it in big-endian), whose
 * first eight bytes are overwritten with the lowest byte of each word of the state.
 *
 * Owns the compression function, because no library gives the state of a message that is padded like this. Refuses to be
 * a hash for anything else.
 */

const BLOCK_BYTES = 64;

/** The first 32 bits of the fraction of a root. */
const fraction = (root: number) => ((root - Math.floor(root)) * 2 ** 32) | 0;
const PRIMES = (() => {
  const primes: number[] = [];
  for (let n = 2; primes.length < 64; n += 1) if (primes.every((prime) => n % prime !== 0)) primes.push(n);
  return primes;
})();
const ROUNDS = Int32Array.from(PRIMES, (prime) => fraction(Math.cbrt(prime)));
const START = Int32Array.from(PRIMES.slice(0, 8), (prime) => fraction(Math.sqrt(prime)));

const words = new Int32Array(64);
const rotated = (word: number, by: number) => (word >>> by) | (word << (32 - by));

function compress(state: Int32Array, block: DataView, at: number): void {
  for (let i = 0; i < 16; i += 1) words[i] = block.getInt32(at + i * 4);
  for (let i = 16; i < 64; i += 1) {
    const a = words[i - 15] as number;
    const b = words[i - 2] as number;
    const early = rotated(a, 7) ^ rotated(a, 18) ^ (a >>> 3);
    const late = rotated(b, 17) ^ rotated(b, 19) ^ (b >>> 10);
    words[i] = (words[i - 16] as number) + early + (words[i - 7] as number) + late;
  }
  let a = state[0] as number;
  let b = state[1] as number;
  let c = state[2] as number;
  let d = state[3] as number;
  let e = state[4] as number;
  let f = state[5] as number;
  let g = state[6] as number;
  let h = state[7] as number;
  for (let i = 0; i < 64; i += 1) {
    const choice = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25);
    const first = (h + choice + ((e & f) ^ (~e & g)) + (ROUNDS[i] as number) + (words[i] as number)) | 0;
    const second = ((rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + first) | 0;
    d = c;
    c = b;
    b = a;
    a = (first + second) | 0;
  }
  state[0] = (state[0] as number) + a;
  state[1] = (state[1] as number) + b;
  state[2] = (state[2] as number) + c;
  state[3] = (state[3] as number) + d;
  state[4] = (state[4] as number) + e;
  state[5] = (state[5] as number) + f;
  state[6] = (state[6] as number) + g;
  state[7] = (state[7] as number) + h;
}

export function fioSha256(payload: Uint8Array): Uint8Array {
  const state = START.slice();
  const whole = payload.length - (payload.length % BLOCK_BYTES);
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  for (let at = 0; at < whole; at += BLOCK_BYTES) compress(state, view, at);
  const rest = payload.length - whole;
  const tail = new Uint8Array(rest < BLOCK_BYTES - 8 ? BLOCK_BYTES : 2 * BLOCK_BYTES);
  tail.set(payload.subarray(whole));
  tail[rest] = 0x80;
  const last = new DataView(tail.buffer);
  last.setBigUint64(tail.length - 8, BigInt(payload.length) * 8n, true);
  for (let at = 0; at < tail.length; at += BLOCK_BYTES) compress(state, last, at);
  const stored = tail.slice(-BLOCK_BYTES);
  for (let i = 0; i < 8; i += 1) stored[i] = (state[i] as number) & 0xff;
  return stored;
}
