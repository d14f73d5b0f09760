/** The marks that counter words and tagged records carry, as flags of verify and fill; other patterns have none. */

export const MARK_OPTIONS = {
  generation: {
    onlyWith: { pattern: ["counter", "tagged"] },
    kind: "count",
    default: 0,
    max: 0xffffff,
    description: "generation of counter or tagged words",
  },
  writer: {
    onlyWith: { pattern: "tagged" },
    kind: "count",
    default: 0,
    max: 255,
    description: "writer of tagged records",
  },
  recordBytes: {
    onlyWith: { pattern: "tagged" },
    kind: "size",
    default: "4096",
    description: "length of tagged records",
  },
} as const;
