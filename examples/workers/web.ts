/** The web process: it has none of the agent's code. Put it behind your own login: nobody is authenticated here. */
import type { Server } from "node:http";
import { serve } from "@hono/node-server";
import { RunError, Runs, Task } from "asimov-agents";
import { Hono } from "hono";
import { streamSSE } from "hono/streaming";
import { placeOf } from "./place.ts";

const { store, queue, close } = placeOf(process.env);
const runs = new Runs(store, { queue });
const app = new Hono();

app.post("/reports", async (context) => {
  const { id, objective } = (await context.req.json()) as { id: string; objective: string };
  await runs.submit(new Task({ id, type: "report", objective }), { agent: "reports" });
  return context.json({ id }, 202);
});
app.get("/reports/:id", async (context) => context.json(await runs.get(context.req.param("id"))));
app.get("/reports/:id/events", (context) =>
  streamSSE(context, async (stream) => {
    const gone = new AbortController();
    stream.onAbort(() => gone.abort());
    // A browser that comes back says which event it saw last.
    const from = Number(context.req.header("Last-Event-ID") ?? 0) + 1;
    for await (const event of runs.events(context.req.param("id"), { from, signal: gone.signal }))
      await stream.writeSSE({ id: String(event.seq), event: event.type, data: JSON.stringify(event) });
  }),
);
app.post("/reports/:id/cancel", async (context) => {
  await runs.cancel(context.req.param("id"), "asked by the web page");
  return context.body(null, 204);
});
app.onError((error, context) =>
  error instanceof RunError
    ? context.json({ code: error.code, message: error.message }, error.code === "run-not-found" ? 404 : 409)
    : context.text("", 500),
);

const server = serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 3000) }, ({ port }) =>
  console.log(`http://127.0.0.1:${port}`),
) as Server;
process.once("SIGTERM", () => {
  server.close(() => void close());
  server.closeAllConnections();
});
