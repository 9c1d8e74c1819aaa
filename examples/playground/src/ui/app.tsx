import licenceUrl from "../../../../models/licenses/Apache-2.0.txt?url";
import { offered } from "../state/catalogue";
import { downloadError } from "../state/downloads";
import { openTab, type TabName } from "../state/view";
import { AnswersPanel } from "./answers-panel";
import { AscentView } from "./ascent-view";
import { CompareView } from "./compare-view";
import { DropZone } from "./drop-zone";
import { ExplainView } from "./explain-view";
import { Header } from "./header";
import { LayersView } from "./layers-view";
import { NetworkPanel } from "./network-panel";
import { PicturePanel } from "./picture-panel";
import { Problem } from "./status";
import { type Tab, Tabs } from "./tabs";

const tabs: readonly Tab<TabName>[] = [
  { id: "explain", name: "Explain" },
  { id: "compare", name: "Compare" },
  { id: "layers", name: "Layers" },
  { id: "ascent", name: "Visualize" },
];

const views = { explain: ExplainView, compare: CompareView, layers: LayersView, ascent: AscentView } as const;

export function App() {
  const View = views[openTab.value];
  return (
    <>
      <a class="skip" href="#tab-panel">
        Skip to the explanation
      </a>
      <Header />
      <main class="main">
        <aside class="side" aria-label="Network, picture and question">
          <NetworkPanel />
          <PicturePanel />
          <AnswersPanel />
        </aside>
        <div class="work">
          <Tabs
            tabs={tabs}
            open={openTab.value}
            onOpen={(id) => {
              openTab.value = id;
            }}
            label="What to look at"
          >
            <View />
            {downloadError.value && <Problem title="The file could not be made">{downloadError.value}</Problem>}
          </Tabs>
        </div>
      </main>
      <footer class="footer">
        <p>seethrough {offered.value?.version}, MIT licence.</p>
        <p>
          The scenes show artwork of Noto Emoji (Google), <a href={licenceUrl}>Apache License 2.0</a>, changed.
        </p>
      </footer>
      <DropZone />
    </>
  );
}
