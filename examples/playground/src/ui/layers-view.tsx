import { useEffect, useRef } from "preact/hooks";
import { chooseLayer, featureMaps, layersShown, openLayer, openUnit, order, page, perPage } from "../state/layers";
import { network } from "../state/network";
import { ready } from "../state/question";
import { latest } from "../state/task";
import type { FeatureMaps, LayerInfo, MapOrder } from "../worker/protocol";
import { PictureCanvas } from "./picture";
import { Busy, Empty, Problem } from "./status";
import { UnitPanel } from "./unit-panel";

const extent = (shape: readonly number[]): string => shape.slice(1).join("×");

/** Three digits, without an exponent where that is short. */
const short = (value: number): string => {
  const size = Math.abs(value);
  if (size >= 1e5 || (size > 0 && size < 1e-3)) return value.toExponential(1);
  return String(Number(value.toPrecision(3)));
};

/** Every layer, the maps of one, and what one unit of it responded to. */
export function LayersView() {
  useEffect(() => {
    layersShown.value = true;
    return () => {
      layersShown.value = false;
    };
  }, []);
  const info = latest(network.value);
  if (!ready.value || !info) return <Empty>Open a network and a picture: its layers appear here.</Empty>;
  return (
    <div class="layers" data-unit={openUnit.value !== undefined}>
      <LayerList layers={info.layers} />
      <Maps layer={info.layers.find(({ name }) => name === openLayer.value)} />
      {openUnit.value !== undefined && openLayer.value !== undefined && (
        <UnitPanel layer={openLayer.value} unit={openUnit.value} />
      )}
    </div>
  );
}

function LayerList({ layers }: { readonly layers: readonly LayerInfo[] }) {
  const list = useRef<HTMLDivElement>(null);
  const open = openLayer.value;
  useEffect(() => {
    const row = list.current?.querySelector<HTMLElement>("label:has(:checked)");
    if (!list.current || !row) return;
    const { offsetTop, offsetHeight } = row;
    const { scrollTop, clientHeight } = list.current;
    if (offsetTop < scrollTop || offsetTop + offsetHeight > scrollTop + clientHeight)
      list.current.scrollTop = offsetTop - clientHeight / 2;
  }, [open]);
  return (
    <fieldset class="layer-list">
      <legend>Layers, from picture to answer</legend>
      <div class="scroll" ref={list}>
        {layers.map(({ name, op, shape }) => (
          <label key={name} class="layer">
            <input type="radio" name="layer" checked={openLayer.value === name} onChange={() => chooseLayer(name)} />
            <span class="layer-name">{name}</span>
            <span class="layer-op">{op}</span>
            <span class="layer-shape">{extent(shape)}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

function Maps({ layer }: { readonly layer: LayerInfo | undefined }) {
  const task = featureMaps.value;
  const maps = latest(task);
  if (!layer) return null;
  return (
    <section class="maps" aria-label={`Units of ${layer.name}`} aria-busy={task.status === "running"}>
      <div class="row spread">
        <h3>
          {layer.name} <span class="facts">{extent(layer.shape)}</span>
        </h3>
        <label class="inline">
          Order
          <select
            value={order.value}
            onChange={({ currentTarget }) => {
              order.value = currentTarget.value as MapOrder;
              page.value = 0;
            }}
          >
            <option value="strongest">strongest first</option>
            <option value="index">by number</option>
          </select>
        </label>
      </div>
      <p class="hint">
        {layer.maps
          ? "What each unit of this layer saw, scaled to its own maximum. Open one to see which pixels drove it."
          : "This layer has one value per unit. Open one to see which pixels drove it."}
      </p>
      {task.status === "failed" && <Problem title="This layer cannot be shown">{task.message}</Problem>}
      {!maps && task.status === "running" && <Busy what="Running the network" />}
      {maps && <Units maps={maps} layer={layer} />}
      {maps && maps.total > perPage && <Pages total={maps.total} />}
    </section>
  );
}

function Units({ maps, layer }: { readonly maps: FeatureMaps; readonly layer: LayerInfo }) {
  const most = maps.units.reduce((a, { highest }) => Math.max(a, Math.abs(highest)), 0) || 1;
  return (
    <div class={layer.maps ? "unit-grid" : "unit-bars"}>
      {maps.units.map(({ unit, highest, picture }) => (
        <button
          key={unit}
          type="button"
          class="unit"
          aria-pressed={openUnit.value === unit}
          onClick={() => {
            openUnit.value = unit;
          }}
        >
          {picture ? (
            <PictureCanvas picture={picture} label="" pixelated />
          ) : (
            <span class="bar" aria-hidden="true">
              <span style={{ width: `${(100 * Math.max(0, highest)) / most}%` }} />
            </span>
          )}
          <span class="unit-facts">
            <span>
              <span class="sr-only">Unit </span>
              {unit}
            </span>
            <span>
              <span class="sr-only">, maximum </span>
              {short(highest)}
            </span>
          </span>
        </button>
      ))}
    </div>
  );
}

function Pages({ total }: { readonly total: number }) {
  const pages = Math.ceil(total / perPage);
  const turn = (by: number): void => {
    page.value = Math.min(pages - 1, Math.max(0, page.value + by));
  };
  return (
    <nav class="row" aria-label="Pages of units">
      <button type="button" disabled={page.value === 0} onClick={() => turn(-1)}>
        Previous
      </button>
      <span class="facts">
        {page.value * perPage + 1}–{Math.min(total, (page.value + 1) * perPage)} of {total} units
      </span>
      <button type="button" disabled={page.value >= pages - 1} onClick={() => turn(1)}>
        Next
      </button>
    </nav>
  );
}
