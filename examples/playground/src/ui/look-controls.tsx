import { offered } from "../state/catalogue";
import { look } from "../state/explanation";
import type { Look } from "../worker/protocol";

/** How overlays are drawn; nothing is computed again. */
export function LookControls() {
  const { colormap, opacity, smooth } = look.value;
  const set = (change: Partial<Look>): void => {
    look.value = { ...look.value, ...change };
  };
  return (
    <fieldset class="look">
      <legend>Display</legend>
      <label>
        Colours
        <select value={colormap} onChange={({ currentTarget }) => set({ colormap: currentTarget.value })}>
          <option value="auto">automatic</option>
          {offered.value?.colormaps.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span>
          Opacity <span class="value">{Math.round(opacity * 100)} %</span>
        </span>
        <input
          type="range"
          min="0"
          max="1"
          step="0.05"
          value={opacity}
          onInput={({ currentTarget }) => set({ opacity: currentTarget.valueAsNumber })}
        />
      </label>
      <label>
        <span>
          Blur of single pixels <span class="value">{(smooth * 100).toFixed(1)} %</span>
        </span>
        <input
          type="range"
          min="0"
          max="0.06"
          step="0.005"
          value={smooth}
          onInput={({ currentTarget }) => set({ smooth: currentTarget.valueAsNumber })}
        />
      </label>
    </fieldset>
  );
}
