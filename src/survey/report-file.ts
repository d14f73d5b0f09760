/**
 * The report of a survey as a file: one renderer for each ending.
 *
 * Owns the choice by ending. Refuses endings that it does not know; the front checks them before the run.
 */
import { type Survey, surveyJson } from "./document.ts";
import { surveyPage } from "./page.ts";
import { surveyText } from "./table.ts";

const asText = (survey: Survey) => surveyText(survey, { privileged: survey.environment.privileged, changes: [] });

const RENDERERS: Readonly<Record<string, (survey: Survey) => string>> = {
  ".json": surveyJson,
  ".txt": asText,
  ".html": (survey) => surveyPage([survey]),
};

export const REPORT_ENDINGS = Object.keys(RENDERERS);

export function endingOf(path: string): string | undefined {
  return REPORT_ENDINGS.find((ending) => path.endsWith(ending));
}

/** The text for a file of that name. */
export function rendered(path: string, survey: Survey): string {
  const render = RENDERERS[endingOf(path) ?? ""];
  if (render === undefined) throw new Error(`no renderer for ${path}`);
  return render(survey);
}
