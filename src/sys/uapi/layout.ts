/**
 * How a C struct lies in memory: its size and the byte offset of every field.
 *
 * Owns the shape only; each layout below is proven against the C compiler in test/sys/abi.test.ts, which reads the C
 * name from `type` and asks for `sizeof` and `offsetof` of every field.
 */
export interface Layout<Field extends string = string> {
  /** As C spells it: "struct statx". */
  readonly type: string;
  readonly sizeBytes: number;
  readonly offsets: Readonly<Record<Field, number>>;
}

export function layout<const Offsets extends Record<string, number>>(
  type: string,
  sizeBytes: number,
  offsets: Offsets,
): { readonly type: string; readonly sizeBytes: number; readonly offsets: Readonly<Offsets> } {
  return { type, sizeBytes, offsets };
}
