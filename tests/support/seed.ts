/** Property tests draw the same cases each time, so that a red run can be repeated; `FC_SEED` draws others. */
import fc from "fast-check";
import { SEED } from "./long.ts";

fc.configureGlobal({ seed: SEED });
