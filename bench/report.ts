/** Figures as Markdown: one table for each benchmark, a row for each shape, a column for each contender. */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import type { Benchmark, Figure } from "./figure.ts";
import contenders from "./package.json" with { type: "json" };
import type { Verdict } from "./targets.ts";

function shown(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString("en");
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(1, title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join(" | ")} |`;
  const rule = `| ${widths.map((width, column) => (column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`)).join(" | ")} |`;
  return [line(head), rule, ...rows.map(line)].join("\n");
}

const unique = (values: readonly string[]): string[] => [...new Set(values)];

function cellOf(figure: Figure | undefined): string {
  if (figure?.spread === undefined) return figure?.note ?? "";
  const { median, lowest, highest, samples } = figure.spread;
  return samples === 1 ? shown(median) : `${shown(median)} (${shown(lowest)}–${shown(highest)})`;
}

export function benchmarkTable({ title }: Pick<Benchmark, "title">, figures: readonly Figure[]): string {
  const contenders = unique(figures.map(({ contender }) => contender));
  const rows = unique(figures.map(({ shape }) => shape)).map((shape) => {
    const ofShape = figures.filter((figure) => figure.shape === shape);
    const cells = contenders.map((name) => cellOf(ofShape.find(({ contender }) => contender === name)));
    return [shape, ofShape[0]?.unit ?? "", ...cells];
  });
  return `### ${title}\n\n${table(["", "unit", ...contenders], rows)}`;
}

const TARGETS = "### Targets";

const rowOf = ({ target, aim, figure, isMet }: Verdict): string[] => [target, aim, figure, isMet ? "pass" : "**miss**"];

const targetsTable = (rows: readonly (readonly string[])[]): string => `${TARGETS}\n\n${table(["target", "aim", "figure", ""], rows)}`;

export const verdictTable = (verdicts: readonly Verdict[]): string => targetsTable(verdicts.map(rowOf));

export const versionOf = (manifest: string): string => (JSON.parse(readFileSync(manifest, "utf8")) as { version: string }).version;

export interface Machine {
  date: string;
  node: string;
  cpu: string;
  cores: number;
  memoryGB: number;
  versions: Record<string, string>;
}

export function describeMachine(): Machine {
  const require = createRequire(import.meta.url);
  const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
  return {
    date: new Date().toISOString().slice(0, 10),
    node: process.version,
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    memoryGB: Math.round(totalmem() / 2 ** 30),
    versions: {
      "asimov-agents": versionOf(here("../package.json")),
      xstate: versionOf(require.resolve("xstate/package.json")),
      ioredis: versionOf(require.resolve("ioredis/package.json")),
      ...contenders.dependencies,
    },
  };
}

export function machineLine({ date, node, cpu, cores, memoryGB, versions }: Machine): string {
  const packages = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `${date}, Node ${node}, ${cores} × ${cpu}, ${memoryGB} GB; ${packages.join(", ")}.`;
}

interface Part {
  machine: Machine;
  tables: readonly string[];
  verdicts: readonly Verdict[];
}

/** The document with these figures in place of those of the same names; tables that are new stand before the targets, and targets behind the others. */
export function withSomeFigures(document: string, { machine, tables, verdicts }: Part): string {
  const [head = "", ...sections] = figuresIn(document).split(/^(?=### )/m);
  const byTitle = new Map(sections.map((section) => [titleOf(section), section.trim()]));
  const targets = new Map(rowsOf(byTitle.get(TARGETS) ?? "").map((row) => [row[0], row]));
  byTitle.delete(TARGETS);
  const when = `Measured on ${machine.date}, with Node ${machine.node}.`;
  for (const each of tables) byTitle.set(titleOf(each), each.replace("\n\n", `\n\n${when}\n\n`));
  for (const row of verdicts.map(rowOf)) targets.set(row[0], row);
  return withFigures(document, [head.trim(), ...byTitle.values(), targetsTable([...targets.values()])].join("\n\n"));
}

const titleOf = (section: string): string => section.slice(0, section.indexOf("\n"));

const rowsOf = (section: string): string[][] =>
  section
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .slice(2)
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );

const BEGIN = "<!-- figures: written by `npm run bench -- --docs` -->";
const END = "<!-- /figures -->";

/** @throws Error when the document does not mark where they stand */
function placeIn(document: string): { from: number; to: number } {
  const from = document.indexOf(BEGIN);
  const to = document.indexOf(END);
  if (from === -1 || to < from) throw new Error(`The document holds no "${BEGIN}" before "${END}".`);
  return { from, to };
}

function figuresIn(document: string): string {
  const { from, to } = placeIn(document);
  return document.slice(from + BEGIN.length, to);
}

/** The document with its figures replaced. */
export function withFigures(document: string, figures: string): string {
  const { from, to } = placeIn(document);
  return `${document.slice(0, from)}${BEGIN}\n\n${figures}\n\n${document.slice(to)}`;
}
