// A script for an edge function's sandbox; the host hands in `firstResult`.
import * as seethrough from "seethrough";
import defaultModel from "seethrough/default-model";
import { runSuite } from "./suite.mjs";

globalThis.report = runSuite(seethrough, defaultModel, globalThis.firstResult);
