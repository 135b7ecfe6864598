/** The same on PostgreSQL alone: its store tells the workers by LISTEN and NOTIFY. */
import { tellStory } from "./workers/story.ts";

const { DATABASE_URL } = process.env;
if (DATABASE_URL === undefined) {
  console.error(
    "This example needs a PostgreSQL server. Start one, then: DATABASE_URL=postgres://user:password@127.0.0.1:5432/database node --conditions=asimov-source examples/18-workers-on-postgres.ts",
  );
  process.exitCode = 1;
} else await tellStory({ DATABASE_URL });
