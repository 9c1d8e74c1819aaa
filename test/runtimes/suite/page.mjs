// A page's main thread, bundled.
import * as seethrough from "seethrough";
import defaultModel from "seethrough/default-model";
import { post } from "./post.mjs";
import { runSuite } from "./suite.mjs";

post(runSuite(seethrough, defaultModel));
