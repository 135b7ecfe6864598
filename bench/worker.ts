/** A contender's process: builds its trial, warms it up and takes samples of it, or measures something once, as it is told. */
import { inspect } from "node:util";
import type { Answer, Question } from "./apart.ts";
import { measureNamed, trialNamed } from "./jobs.ts";
import { type Trial, Warmed } from "./trial.ts";

let trial: Trial | undefined;
let warmed: Warmed | undefined;

async function answer(question: Question): Promise<unknown> {
  switch (question.do) {
    case "build":
      trial = await trialNamed(question.trial, question.args);
      return undefined;
    case "warm":
      if (trial === undefined) throw new Error("There is no trial to warm up.");
      warmed = await Warmed.up(trial, question.sampling);
      return undefined;
    case "sample":
      if (warmed === undefined) throw new Error("The trial is not warm.");
      return await warmed.sample();
    case "measure":
      return await measureNamed(question.job, question.args);
  }
}

const reply = (value: Answer): void => {
  process.send?.(value);
};

process.on("message", (question: Question) => {
  answer(question).then(
    (value) => reply({ value }),
    (error: unknown) => reply({ error: inspect(error, { depth: 6 }) }),
  );
});
process.on("disconnect", () => process.exit());
