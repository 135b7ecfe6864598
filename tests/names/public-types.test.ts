/** Whoever fills in options of the package can name each type that they are made of. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript-5.9";
import { describe, expect, it } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { ROOT } from "../support/program.ts";

const parse = (file: string) => ts.createSourceFile(file, readFileSync(join(ROOT, file), "utf8"), ts.ScriptTarget.Latest, true);
const isShown = (node: ts.Node): node is ts.InterfaceDeclaration | ts.TypeAliasDeclaration =>
  ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node);

/** What an entry point exports, by name. */
function exportsOf(file: string): string[] {
  return parse(file).statements.flatMap((statement) =>
    ts.isExportDeclaration(statement) && statement.exportClause !== undefined && ts.isNamedExports(statement.exportClause)
      ? statement.exportClause.elements.map(({ name }) => name.text)
      : [],
  );
}

/** The types that a declaration names, its own parameters aside. */
function namesIn(declaration: ts.InterfaceDeclaration | ts.TypeAliasDeclaration): string[] {
  const named: string[] = [];
  const own = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isTypeParameterDeclaration(node)) own.add(node.name.text);
    if (ts.isTypeReferenceNode(node) && ts.isIdentifier(node.typeName)) named.push(node.typeName.text);
    if (ts.isExpressionWithTypeArguments(node) && ts.isIdentifier(node.expression)) named.push(node.expression.text);
    ts.forEachChild(node, visit);
  };
  visit(declaration);
  return named.filter((name) => !own.has(name));
}

const entries = Object.values(manifest.exports).flatMap((conditions) =>
  typeof conditions === "string" ? [] : [conditions["asimov-source"]],
);
const exported = new Set(entries.flatMap(exportsOf));
const files = ["src", "machines", "actors"].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(folder, name)),
);
const declarations = files.flatMap((file) =>
  parse(file)
    .statements.filter(isShown)
    .map((node) => ({ file, node })),
);
const ours = new Set(declarations.map(({ node }) => node.name.text));

const areGiven = (name: string): boolean => exported.has(name) && /(?:Options|Init|Config)$/.test(name);

describe("the package's types", () => {
  it("are public where public options name them", () => {
    expect(declarations.filter(({ node }) => areGiven(node.name.text)).length).toBeGreaterThan(25);
    const missing = declarations.flatMap(({ file, node }) =>
      areGiven(node.name.text)
        ? namesIn(node).flatMap((name) => (ours.has(name) && !exported.has(name) ? [`${name}, of ${node.name.text} in ${file}`] : []))
        : [],
    );
    expect(missing).toEqual([]);
  });
});
