import { chooseNetwork, onNetwork } from "./network";
import { chooseScene, onPicture, scenes } from "./picture";
import { ask } from "./question";

/** Opens the embedded network and the first scene, so that there is something to see at once. */
export function start(): void {
  onNetwork(() => void ask("network"));
  onPicture(() => void ask("picture"));
  void chooseNetwork("petshop");
  const [first] = scenes;
  if (first) void chooseScene(first);
}
