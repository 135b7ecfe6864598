/** The text work of the demo: sections, terms, weights and the choice of sentences; the same input gives the same output. */

export interface Section {
  title: string;
  text: string;
  words: number;
}

/** A term and its number or weight; a list of pairs, since a text may hold the word `constructor`. */
export type Weighted = [term: string, weight: number][];

export interface Excerpt {
  sentences: string[];
  words: number;
}

const MOST_SECTIONS = 24;
/** Words of a section of a text without headings. */
const SECTION_WORDS = 150;
const LONGEST_SENTENCE = 60;

const STOP_WORDS = new Set(
  (
    "a about after all also an and any are as at be been before but by can could did do does each for from had has have he her his how i if in into " +
    "is it its just may me more most my no nor not of on one only or other our out over own same she should so some such than that the their them then " +
    "there these they this those to too under up upon us very was we were what when where which while who whom whose will with would you your"
  ).split(" "),
);

const wordSegmenter = new Intl.Segmenter("en", { granularity: "word" });
const sentenceSegmenter = new Intl.Segmenter("en", { granularity: "sentence" });

function wordsOf(text: string): string[] {
  return [...wordSegmenter.segment(text)].filter(({ isWordLike }) => isWordLike).map(({ segment }) => segment.toLowerCase());
}

/** Prose alone: code, tables, pictures and marks say little in a summary. */
function toProse(markdown: string): string {
  return markdown
    .replace(/^(```|~~~)[^\n]*\n[\s\S]*?^\1[^\n]*$/gm, "")
    .replace(/^\s*\|.*$/gm, "")
    .replace(/!\[[^\]]*\]\([^)]*\)/g, "")
    .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/<[^>\n]+>/g, " ")
    .replace(/^\s*(?:[-*+]|\d+\.)\s+/gm, "\n")
    .replace(/^\s*>\s?/gm, "")
    .replace(/\*\*|__|`|(?<!\w)[_*](?=\S)|(?<=\S)[_*](?!\w)/g, "");
}

/** The text's sections by its headings, or by its paragraphs; neighbours are joined where there are too many. */
export function sectionsOf(text: string): Section[] {
  const normal = text.replace(/^\uFEFF/, "").replace(/\r\n?/g, "\n");
  const parts = byHeadings(normal);
  const found = (parts.length > 1 ? parts : byParagraphs(normal))
    .map(({ title, body }) => ({ title, text: toProse(body).trim() }))
    .map((section) => ({ ...section, words: wordsOf(section.text).length }))
    .filter(({ words }) => words > 0);
  const size = Math.ceil(found.length / MOST_SECTIONS);
  return Array.from({ length: Math.ceil(found.length / Math.max(1, size)) }, (_, index) => {
    const group = found.slice(index * size, (index + 1) * size);
    return {
      title: (group[0] as Section).title,
      text: group.map((section) => section.text).join("\n\n"),
      words: group.reduce((sum, { words }) => sum + words, 0),
    };
  });
}

function byHeadings(text: string): { title: string; body: string }[] {
  const parts = [{ title: "Opening", body: "" }];
  let fence: string | undefined;
  for (const line of text.split("\n")) {
    const mark = /^(```|~~~)/.exec(line)?.[1];
    if (mark !== undefined) fence = fence === undefined ? mark : fence === mark ? undefined : fence;
    const heading = fence === undefined ? /^#{1,6}\s+(.+?)\s*#*$/.exec(line)?.[1] : undefined;
    if (heading === undefined) (parts.at(-1) as { body: string }).body += `${line}\n`;
    else parts.push({ title: toProse(heading), body: "" });
  }
  return parts;
}

function byParagraphs(text: string): { title: string; body: string }[] {
  const parts: { body: string; words: number }[] = [];
  for (const body of text.split(/\n\s*\n/)) {
    const words = wordsOf(body).length;
    const last = parts.at(-1);
    if (last !== undefined && last.words + words <= SECTION_WORDS) {
      last.body += `\n\n${body}`;
      last.words += words;
    } else parts.push({ body, words });
  }
  return parts.map(({ body }, index) => ({ title: `Part ${index + 1}`, body }));
}

/** How often each term occurs in a text. */
export function countTerms(text: string): Weighted {
  const counts = new Map<string, number>();
  for (const word of wordsOf(text)) {
    if (word.length > 2 && !STOP_WORDS.has(word) && !/^\d/.test(word)) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return [...counts];
}

/** tf-idf: what occurs often here and seldom elsewhere says what a section is about. Heaviest first. */
export function weighTerms(sections: readonly Weighted[]): Weighted[] {
  const spread = new Map<string, number>();
  for (const terms of sections) for (const [term] of terms) spread.set(term, (spread.get(term) ?? 0) + 1);
  return sections.map((terms) =>
    terms
      .map(([term, count]): [string, number] => [term, (1 + Math.log(count)) * Math.log(1 + sections.length / (spread.get(term) ?? 1))])
      .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)),
  );
}

/** The heaviest sentences that fit into a share of words, in their order. */
export function excerptOf(text: string, terms: Weighted, share: number, keepsOne: boolean): Excerpt {
  const weights = new Map(terms);
  // What comes first usually says what follows.
  const lead = (position: number): number => 1 + 2 / (position + 1);
  const candidates = text
    .split(/\n\s*\n/)
    .flatMap((paragraph) => [...sentenceSegmenter.segment(paragraph.replace(/\s+/g, " ").trim())])
    .map(({ segment }, position) => {
      const words = wordsOf(segment);
      const weight = [...new Set(words)].reduce((sum, word) => sum + (weights.get(word) ?? 0), 0);
      return { sentence: segment.trim(), position, words: words.length, score: (lead(position) * weight) / Math.sqrt(words.length + 4) };
    })
    .filter(({ sentence, words }) => words > 3 && words <= LONGEST_SENTENCE && /[.!?…"”')]$/.test(sentence))
    .sort((a, b) => b.score - a.score || a.position - b.position);
  const chosen: typeof candidates = [];
  let used = 0;
  for (const candidate of candidates) {
    const isFirst = chosen.length === 0;
    // A share that is nearly enough is enough: whether all of it together is too long is decided later.
    if (used + candidate.words > share * 1.5 && !(isFirst && keepsOne)) continue;
    chosen.push(candidate);
    used += candidate.words;
  }
  chosen.sort((a, b) => a.position - b.position);
  return { sentences: chosen.map(({ sentence }) => sentence), words: used };
}
