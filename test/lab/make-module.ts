/** Kernel modules made by hand, for the tests of what reads them. */

/** The smallest 64-bit ELF file with a .modinfo section: header, strings, modinfo, three section headers. */
export function makeModule(entries: readonly string[]): Uint8Array {
  const names = Buffer.from("\0.modinfo\0.shstrtab\0");
  const modinfo = Buffer.from(entries.map((entry) => `${entry}\0`).join(""));
  const tableAt = 64 + names.length + modinfo.length;
  const elf = Buffer.alloc(tableAt + 3 * 64);
  elf.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  elf.writeBigUInt64LE(BigInt(tableAt), 0x28);
  elf.writeUInt16LE(64, 0x3a);
  elf.writeUInt16LE(3, 0x3c);
  elf.writeUInt16LE(2, 0x3e);
  names.copy(elf, 64);
  modinfo.copy(elf, 64 + names.length);
  const section = (index: number, [name, offset, size]: [number, number, number]) => {
    elf.writeUInt32LE(name, tableAt + index * 64);
    elf.writeBigUInt64LE(BigInt(offset), tableAt + index * 64 + 0x18);
    elf.writeBigUInt64LE(BigInt(size), tableAt + index * 64 + 0x20);
  };
  section(1, [1, 64 + names.length, modinfo.length]);
  section(2, [10, 64, names.length]);
  return elf;
}
