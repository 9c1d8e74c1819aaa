import { chooseScene, chosenScene, openPicture, picture, scenes } from "../state/picture";
import { latest } from "../state/task";
import { FileButton } from "./file-button";
import { Busy, Problem } from "./status";

export function PicturePanel() {
  const task = picture.value;
  const shown = latest(task);
  return (
    <section class="card" aria-labelledby="picture-title">
      <h2 id="picture-title">
        <span class="step">2</span> Picture
      </h2>
      <fieldset class="scenes">
        <legend class="sr-only">Scenes that come with the playground</legend>
        {scenes.map((scene) => (
          <label key={scene.file} title={scene.title}>
            <input
              type="radio"
              name="scene"
              checked={chosenScene.value === scene.file}
              onChange={() => void chooseScene(scene)}
            />
            <img src={scene.url} alt={scene.title} width="96" height="96" loading="lazy" />
          </label>
        ))}
      </fieldset>
      <div class="row">
        <FileButton label="Open picture …" accept="image/*" onFiles={([file]) => void openPicture(file)} />
        <span class="facts grow">
          {task.status === "done" && shown ? `${shown.name}, ${shown.width}×${shown.height}` : ""}
        </span>
      </div>
      <p class="hint drop-hint">Or drop a picture, a network or a label list anywhere on this page.</p>
      {task.status === "running" && <Busy what="Reading the picture" />}
      {task.status === "failed" && <Problem title="This picture cannot be read">{task.message}</Problem>}
    </section>
  );
}
