/** What an option's declaration means for the search for the smallest run: which of its values are smaller. Pure. */
import type { Dimension } from "../evidence/shrink.ts";
import type { ArgumentSpec } from "./args.ts";

/** Values of a choice that mean all others, and values that do nothing. */
const ALL = ["all", "both"];
const NOTHING = ["none", "off"];

/** An option as the search sees it; none for what has no smaller value. */
export function dimensionOf(
  name: string,
  spec: ArgumentSpec,
  { value: now, given }: { value: unknown; given: boolean },
): Dimension[] {
  switch (spec.kind) {
    case "flag":
      return [{ name, fallback: false, min: undefined }];
    case "count":
      return [{ name, fallback: spec.default, min: spec.min ?? 1 }];
    case "size":
      // A size that no one gave is part of the reproducer, not of the request.
      return given ? [{ name, fallback: undefined, min: spec.min ?? 1 }] : [];
    case "choice": {
      const value = String(now ?? spec.default ?? "");
      const parts = ALL.includes(value) ? spec.choices.filter((choice) => !ALL.includes(choice)) : [];
      const less = parts.length > 0 ? parts : spec.choices.filter((choice) => NOTHING.includes(choice));
      if (less.length === 0 && value === spec.default) return [];
      return [{ name, fallback: spec.default, min: undefined, less, doubtful: parts.length === 0 }];
    }
    default:
      return [];
  }
}
