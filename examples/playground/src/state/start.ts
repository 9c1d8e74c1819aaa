import { chooseNetwork, onNetwork } from "./network";
import { chooseScene, onPicture, scenes } from "./picture";
import { ask } from "./question";

/** Opens the embedded network and a scene, so that there is something to see at once. */
export function start(): void {
  onNetwork(() => void ask("network"));
  onPicture(() => void ask("picture"));
  void chooseNetwork("petshop");
  // Its evidence lies where people look for it: the dog's head, and a little against it at the cookie.
  const first = scenes.find(({ file }) => file === "cage-dog-02.png") ?? scenes[0];
  if (first) void chooseScene(first);
}
