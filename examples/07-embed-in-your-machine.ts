/** An agent is XState logic: here a machine of your own invokes it, decides on its outcome, and asks again. */
import { Agent, defineModule, Node, Task, type TaskOutcome } from "asimov-agents";
import { assign, createActor, setup, toPromise } from "xstate";

const guess = defineModule({
  name: "guess",
  process: async ({ task }) => {
    const { low, high } = task.params as { low: number; high: number };
    return { status: "success", result: Math.floor((low + high) / 2) };
  },
});
const agent = new Agent({ nodes: [new Node({ name: "guess", modules: [guess] })] });

const guessOf = (outcome: TaskOutcome): number => outcome.results.guess as number;

const game = setup({
  types: {
    context: {} as { secret: number; low: number; high: number; guesses: number[] },
    input: {} as { secret: number },
    output: {} as number[],
  },
  actors: { agent: agent.logic },
  guards: {
    isRight: ({ context }, { outcome }: { outcome: TaskOutcome }) => guessOf(outcome) === context.secret,
    isGuess: (_, { outcome }: { outcome: TaskOutcome }) => outcome.status === "COMPLETE",
  },
  actions: {
    recordGuess: assign(({ context }, { outcome }: { outcome: TaskOutcome }) => {
      const number = guessOf(outcome);
      const guesses = [...context.guesses, number];
      return number < context.secret ? { guesses, low: number + 1 } : { guesses, high: number - 1 };
    }),
  },
}).createMachine({
  id: "game",
  context: ({ input }) => ({ ...input, low: 1, high: 100, guesses: [] }),
  initial: "asking",
  states: {
    asking: {
      invoke: {
        src: "agent",
        input: ({ context: { low, high } }) => ({
          task: new Task({ type: "guess", objective: "Guess the number", params: { low, high } }),
        }),
        onDone: [
          {
            guard: { type: "isRight", params: ({ event }) => ({ outcome: event.output }) },
            target: "won",
            actions: { type: "recordGuess", params: ({ event }) => ({ outcome: event.output }) },
          },
          {
            guard: { type: "isGuess", params: ({ event }) => ({ outcome: event.output }) },
            target: "asking",
            reenter: true,
            actions: { type: "recordGuess", params: ({ event }) => ({ outcome: event.output }) },
          },
          { target: "lost" },
        ],
      },
    },
    won: { type: "final" },
    lost: { type: "final" },
  },
  output: ({ context }) => context.guesses,
});

const actor = createActor(game, { input: { secret: 42 } }).start();
console.log("guesses:", (await toPromise(actor)).join(", "));
console.log("state:", actor.getSnapshot().value);
