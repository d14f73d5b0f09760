/** Archives by configuration, whatever of them is downloaded; and a line for each suite that could not be read. */
import { expect, test } from "bun:test";
import { mirrorsOf, sourcesText, suitesOf, unreadSuites } from "../../../src/lab/kernels/sources.ts";

const bare = (site: string, ...releases: string[]) =>
  releases.map((release) => `$(LABEL)|${site}|${release}\n`).join("");
const M = "http://mirror.example/debian";
const S = "http://security.example/debian-security";
const CONFIGURED = bare(M, "bookworm", "bookworm-updates") + bare(S, "bookworm-security");

test.each([
  ["only the main list is downloaded", `Debian|${M}|bookworm\n`, CONFIGURED, M, S, false],
  ["nothing is downloaded", "", CONFIGURED, M, S, false],
  [
    "nothing but the security archive is downloaded",
    `Debian-Security|${S}|bookworm-security\n`,
    CONFIGURED,
    M,
    S,
    false,
  ],
  ["everything is downloaded", `Debian|${M}|bookworm\nDebian-Security|${S}|stable-security\n`, CONFIGURED, M, S, false],
  ["suites by their roles", "", bare(M, "stable", "stable-updates") + bare(S, "stable-security"), M, S, false],
  ["both on one host", "", bare(M, "trixie", "trixie-security"), M, M, false],
  ["no security archive", "", bare(M, "sid"), M, `${M}-security`, true],
  [
    "a third party with the same suite name, downloaded",
    "Docker|http://d.example/linux/debian|bookworm\n",
    bare("http://d.example/linux/debian", "bookworm") + CONFIGURED,
    M,
    S,
    false,
  ],
  [
    "a third party with the same suite name, not downloaded",
    "",
    bare("http://d.example/x", "bookworm") + CONFIGURED,
    M,
    S,
    false,
  ],
  ["a slash at the end", "", bare(`${M}/`, "bookworm") + bare(`${S}/`, "bookworm-security"), M, S, false],
])("%s", (_, downloaded, configured, main, security, securityIsGuess) => {
  expect(mirrorsOf(downloaded, configured)).toEqual({ main, security, securityIsGuess });
});

test.each(["", "\n", bare("http://other.example/ubuntu", "noble", "noble-security"), "junk"])(
  "%j leads to no Debian archive",
  (configured) => expect(mirrorsOf("", configured)).toBeUndefined(),
);

test("releases, backports and experimental of the main archive, security suites of the other", () => {
  const sources = suitesOf({ main: M, security: S, securityIsGuess: false });
  expect(sources.map(({ uri }) => uri)).toEqual([M, S]);
  expect(sources[0]?.suites).toEqual(expect.arrayContaining(["bookworm", "sid", "trixie-backports", "experimental"]));
  expect(sources[1]?.suites).toEqual(expect.arrayContaining(["bookworm-security", "trixie-security"]));
  expect(sources.flatMap(({ suites }) => suites)).not.toContain("sid-security");
  expect(sourcesText([{ uri: M, suites: ["a", "b"] }], "/k.gpg")).toBe(
    `Types: deb\nURIs: ${M}\nSuites: a b\nComponents: main\nSigned-By: /k.gpg\n`,
  );
});

test("each suite that could not be read has a line with apt's reason, and no other has", () => {
  const wanted = [
    { uri: M, suites: ["bookworm", "bookworm-backports", "forky-backports"] },
    { uri: S, suites: ["bookworm-security", "trixie-security"] },
  ];
  const problems = [
    `E: The repository '${M} forky-backports Release' does not have a Release file.`,
    `W: Failed to fetch ${S}/dists/bookworm-security/InRelease  Could not connect to ${S}`,
    `W: GPG error: ${S} trixie-security InRelease: The following signatures couldn't be verified: NO_PUBKEY 0123`,
    "W: Some index files failed to download.",
  ].join("\n");
  const read = new Set(["bookworm", "bookworm-backports", "bookworm-security"]);
  expect(unreadSuites(wanted, read, problems)).toEqual([
    "suite forky-backports could not be read (this mirror does not have it)",
    "suite bookworm-security could not be refreshed (Failed to fetch Could not connect to)",
    "suite trixie-security could not be read (GPG error: trixie-security InRelease: The following signatures couldn't be verified: NO_PUBKEY 0123)",
  ]);
  expect(unreadSuites(wanted, new Set(), "")).toHaveLength(5);
  expect(unreadSuites(wanted, new Set(wanted.flatMap(({ suites }) => suites)), "")).toEqual([]);
});
