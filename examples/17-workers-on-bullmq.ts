/** Three workers and a web process on Redis, woken by BullMQ; one worker is killed. See `workers/`, and `workers/compose.yaml` for production. */
import { tellStory } from "./workers/story.ts";

const { REDIS_URL } = process.env;
if (REDIS_URL === undefined) {
  console.error(
    "This example needs a Redis server. Start one, then: REDIS_URL=redis://127.0.0.1:6379 node --conditions=asimov-source examples/17-workers-on-bullmq.ts",
  );
  process.exitCode = 1;
} else await tellStory({ REDIS_URL });
