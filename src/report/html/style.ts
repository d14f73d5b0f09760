/**
 * The style sheet of report pages: light and dark by the reader's setting, narrow screens, print.
 *
 * Owns colours and layout. Every kind has a fill of Okabe and Ito's palette and a letter, so that it reads without colour
 * vision; text keeps a contrast of at least 4.5 to 1 on its background (checked in the tests by a real browser).
 */
import { CELL_ORDER, type CellKind } from "../strip.ts";

interface Fill {
  readonly fill: string;
  /** The colour of the letter on the fill. */
  readonly ink: string;
}

const DARK_INK = "#14181c";
const LIGHT_INK = "#ffffff";

/** Kinds that a later judge adds are shown like foreign bytes until they have a colour here. */
const FILLS: Partial<Record<string, Fill>> = {
  intact: { fill: "var(--intact)", ink: "var(--text)" },
  duplicated: { fill: "#e69f00", ink: DARK_INK },
  misplaced: { fill: "#f0a3c4", ink: DARK_INK },
  lost: { fill: "#cc79a7", ink: DARK_INK },
  zeroed: { fill: "#0072b2", ink: LIGHT_INK },
  filled: { fill: "#2b5c8a", ink: LIGHT_INK },
  "bit-flipped": { fill: "#56b4e9", ink: DARK_INK },
  "byte-swapped": { fill: "#8fd0c0", ink: DARK_INK },
  stale: { fill: "#7b4f9d", ink: LIGHT_INK },
  torn: { fill: "#f0e442", ink: DARK_INK },
  foreign: { fill: "#b34700", ink: LIGHT_INK },
  truncated: { fill: "#8c8c8c", ink: DARK_INK },
  extra: { fill: "#009e73", ink: DARK_INK },
};

const FOREIGN = FILLS.foreign as Fill;

function kindRules(kind: CellKind): string {
  const { fill, ink } = FILLS[kind] ?? FOREIGN;
  return `.k-${kind}{fill:${fill};background:${fill}}.i-${kind}{fill:${ink};color:${ink}}`;
}

const LAYOUT = `
:root{color-scheme:light dark;--page:#fff;--text:#1b1f24;--soft:#59636e;--line:#d1d9e0;--panel:#f6f8fa;--intact:#dfe7df;
--bad:#a40e26;--good:#116329;--unsure:#7d4e00;--link:#0550ae;--mark:#ffd8b5;--markText:#5c1f00}
@media (prefers-color-scheme:dark){:root{--page:#0d1117;--text:#e6edf3;--soft:#9aa4ae;--line:#3d444d;--panel:#161b22;
--intact:#243228;--bad:#ff8d85;--good:#6fdd8b;--unsure:#e3b341;--link:#79b8ff;--mark:#5c2b08;--markText:#ffd8b5}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);font:16px/1.5 system-ui,sans-serif}
main,header,footer{max-width:72rem;margin:0 auto;padding:0 1.25rem}
header{padding-top:1.75rem}
h1{font-size:1.6rem;line-height:1.25;margin:0 0 .4rem}
h2{font-size:1.2rem;margin:2.2rem 0 .6rem;border-bottom:1px solid var(--line);padding-bottom:.25rem}
h3{font-size:1rem;margin:0 0 .4rem}
p{margin:.4rem 0;max-width:64rem}
a{color:var(--link)}
a:focus-visible,summary:focus-visible,[tabindex]:focus-visible{outline:3px solid var(--link);outline-offset:2px}
.corrupt{color:var(--bad)}.clean{color:var(--good)}.skipped,.inconclusive{color:var(--unsure)}
.soft{color:var(--soft)}
code,pre,.mono{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.875rem}
pre,.scroll{overflow-x:auto;background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:.7rem .8rem;margin:.5rem 0}
pre{white-space:pre-wrap;overflow-wrap:anywhere}
article{border:1px solid var(--line);border-radius:8px;padding:1rem 1.1rem;margin:1rem 0}
article:target{border-color:var(--link);box-shadow:0 0 0 2px var(--link)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;margin:.5rem 0}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
table{border-collapse:collapse;font-size:.9rem}
th,td{text-align:left;padding:.25rem .7rem;border-bottom:1px solid var(--line);vertical-align:top}
th{font-weight:600}
td.remark{min-width:14rem}
td.n{text-align:right;font-variant-numeric:tabular-nums}
tr.guilty td{background:var(--mark);color:var(--markText)}
svg{display:block}
td.mono,th.mono,td.n,th{white-space:nowrap}
svg text{font-family:ui-monospace,Menlo,Consolas,monospace}
svg .axis{fill:var(--soft)}svg .rule{stroke:var(--line)}
svg a:focus-visible rect{stroke:var(--link);stroke-width:2}
.legend{display:flex;flex-wrap:wrap;gap:.3rem 1.1rem;list-style:none;padding:0;margin:.5rem 0}
.legend b{display:inline-block;width:1.25rem;text-align:center;border-radius:3px;margin-right:.35rem;font-weight:600}
.badge{display:inline-block;border-radius:4px;padding:0 .45rem;font-weight:600}
ins,del{text-decoration:none;background:var(--mark);color:var(--markText);border-radius:2px}
summary{cursor:pointer;color:var(--link)}
@media (max-width:40rem){body{font-size:15px}dl{grid-template-columns:1fr}dd{margin-bottom:.35rem}main,header,footer{padding:0 .8rem}
th,td{padding:.25rem .4rem}}
@media print{body{background:#fff;color:#000;font-size:11pt}article{break-inside:avoid}a{color:inherit;text-decoration:none}
pre,.scroll{overflow:visible}svg{max-width:100%;height:auto}details:not([open])>*:not(summary){display:none}}
`;

export const STYLE = LAYOUT.trim().replaceAll("\n", "") + CELL_ORDER.map(kindRules).join("");
