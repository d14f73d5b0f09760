/**
 * What a finding can be, for readers of reports, who know nothing of the judge.
 *
 * Owns the way to that list, apart from document.ts: every command loads that one, and no run reads reports.
 */
export { FINDING_KINDS } from "../judge/finding.ts";
