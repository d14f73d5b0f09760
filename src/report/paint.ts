/** Terminal colours: owns the few that reports use; without colour every mark stays readable by its shape. */

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34, magenta: 35, cyan: 36, gray: 90 } as const;

export type Colour = keyof typeof CODES;
export type Paint = (colour: Colour, text: string) => string;

const ESCAPE = "\u001b";

export function painter(color: boolean): Paint {
  if (!color) return (_colour, text) => text;
  return (colour, text) => (text === "" ? "" : `${ESCAPE}[${CODES[colour]}m${text}${ESCAPE}[0m`);
}
