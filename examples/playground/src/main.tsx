import { render } from "preact";
import "./styles/base.css";
import "./styles/layout.css";
import "./styles/parts.css";
import { registerOffline } from "./state/offline";
import { start } from "./state/start";
import { App } from "./ui/app";

render(<App />, document.getElementById("app") as HTMLElement);
registerOffline();
start();
