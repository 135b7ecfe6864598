/** Whatever a store, be it a stranger's, gives back otherwise than it was given is refused: nothing of it runs, and nothing hangs. */
import { describe, expect, it } from "vitest";
import { chance } from "#testing/run-law";
import { unhandledDuring } from "../run/support.ts";
import { counted, LONG_MS, SEED } from "../support/long.ts";
import { mutablePlaces } from "./mutable-places.ts";
import { mutableServers } from "./mutable-servers.ts";
import { expectAsItWas, seeWhole } from "./mutated-run.ts";

const MUTANTS = counted(250, 25_000);

describe.each([...mutablePlaces().map(([what, make]) => [what, make, undefined] as const), ...mutableServers()])(
  "a run that is stored in %s",
  (_what, make, said) => {
    it(`is found as it was, or refused, in each of ${MUTANTS} mutants, seed ${SEED}`, { timeout: LONG_MS }, async () => {
      const place = await make();
      const whole = await place.as(seeWhole);
      const random = chance(SEED);
      const codes = new Map<string, number>();
      let refused = 0;
      const unhandled = await unhandledDuring(async () => {
        for (let number = 0; number < MUTANTS; number++) {
          const mutant = await place.mutate(random);
          const found = await place.as((store) => expectAsItWas(store, whole, `mutant ${number}, ${mutant}`));
          if (found.length > 0) refused++;
          for (const code of found) codes.set(code, (codes.get(code) ?? 0) + 1);
        }
      });
      expect(unhandled).toEqual([]);
      if (said !== undefined) expect([...codes.keys()].filter((code) => !said.includes(code))).toEqual([]);
      expect(refused).toBeGreaterThan(MUTANTS / 4);
      // And as it was, it goes on.
      expect(await place.as(seeWhole)).toEqual(whole);
    });
  },
);
