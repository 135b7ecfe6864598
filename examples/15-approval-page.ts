/** An approval over HTTP: a page with two buttons, and a run that waits for one of them in no process. Kill the program between, and start it again. */
import { serve } from "@hono/node-server";
import { Agent, defineModule, defineQuestion, Node, QuestionError, Runs, Task } from "asimov-agents";
import { SqliteStore } from "asimov-agents/sqlite";
import { AgentWorker } from "asimov-agents/worker";
import { Hono } from "hono";
import { csrf } from "hono/csrf";
import { html } from "hono/html";
import { z } from "zod";

const [file = "approvals.db", port = "3000"] = process.argv.slice(2);
const store = new SqliteStore({ file });

const draft = defineModule({
  name: "draft",
  process: async ({ task, values }) => ({ status: "success", result: `${task.objective}, draft ${await values.increment("drafts", 1)}` }),
});
const approve = defineQuestion({
  name: "approve",
  show: ({ results }) => ({ letter: results.draft }),
  answer: z.object({ ok: z.boolean() }),
  decide: ({ ok }) => (ok ? null : "draft"),
});
const send = defineModule({
  name: "send",
  process: async ({ results, step }) => ({ status: "success", result: await step("mail", async () => `sent: ${results.draft}`) }),
});
const nodeConfig = { maxVisits: 10 };
const letters = new Agent({
  name: "letters",
  nodes: [
    new Node({ name: "draft", modules: [draft], nodeConfig }),
    new Node({ name: "approve", modules: [approve], dependencies: ["draft"], nodeConfig }),
    new Node({ name: "send", modules: [send], dependencies: ["approve"], nodeConfig }),
  ],
});
const runs = new Runs(store);
const app = new Hono();
app.use(csrf()); // nobody is authenticated: put such a page behind your own login, and give `by` from there
app.get("/", async (context) => {
  const waiting: ReturnType<typeof html>[] = [];
  const ended: typeof waiting = [];
  for await (const { id, shown, shownHash } of runs.questions())
    waiting.push(html`<form method="post" action="/answers/${id}">
      <p>${(shown as { letter: string }).letter}</p>
      <input type="hidden" name="shown" value="${shownHash}" />
      <button name="ok" value="true">Send it</button> <button name="ok" value="false">Write it anew</button>
    </form>`);
  for await (const { objective, status } of runs.find({ agent: "letters", status: "COMPLETE" }))
    ended.push(html`<p>${status}: ${objective}</p>`);
  return context.html(html`<!doctype html><title>Letters</title>
    <form method="post" action="/letters"><input name="objective" required /><button>Write</button></form>
    ${waiting} ${ended}`);
});
app.post("/letters", async (context) => {
  const { objective } = await context.req.parseBody();
  await runs.submit(new Task({ type: "letter", objective: String(objective) }), { agent: "letters" });
  return context.redirect("/", 303);
});
app.post("/answers/:id", async (context) => {
  const { ok, shown } = await context.req.parseBody();
  await runs.answer(context.req.param("id"), { ok: ok === "true" }, { by: "a reader", shownHash: String(shown) });
  return context.redirect("/", 303);
});
app.onError((error, context) => {
  if ("getResponse" in error) return error.getResponse();
  return context.text(error.message, error instanceof QuestionError ? 409 : 500); // a second click, an answer to another draft
});
await new AgentWorker({ agents: [letters], store }).start();
serve({ fetch: app.fetch, port: Number(port), hostname: "127.0.0.1" }, (address) => console.log(`http://127.0.0.1:${address.port}`));
