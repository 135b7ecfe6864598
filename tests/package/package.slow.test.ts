/** The package as others build it: packed and installed once, then imported, type-checked, bundled and served. */
import { afterAll, beforeAll } from "vitest";
import { installPackage, removePackage } from "./installed.ts";
import "./empty-project.ts";
import "./declarations.ts";
import "./browser-bundle.ts";
import "./bundlers.ts";
import "./workers-and-pages.ts";
import "./next-project.ts";

beforeAll(installPackage);
afterAll(removePackage);
