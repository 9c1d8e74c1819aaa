// For runtimes that run a script: prints the report as the last line.
import * as seethrough from "seethrough";
import { runSuite } from "./suite.mjs";

console.log(JSON.stringify(await runSuite(seethrough)));
