// For runtimes that run a script: prints the report as the last line.
import * as seethrough from "seethrough";
import defaultModel from "seethrough/default-model";
import { runSuite } from "./suite.mjs";

console.log(JSON.stringify(await runSuite(seethrough, defaultModel)));
