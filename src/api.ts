// Everything public but `loadModel`, which each entry (index, workerd, edge-light, slim) binds to its own kernels.

export type { Attribution, ExplainOptions, LayerOptions, Recipe, Refinement } from "./attribution/attribution";
export type { AttributionMethod } from "./attribution/attribution-method";
export type { Baseline } from "./attribution/baseline";
export type { BlackBox } from "./attribution/black-box";
export type { NoiseTunnelKind } from "./attribution/gradients/moments";
export type { NoiseOptions } from "./attribution/gradients/noisy-inputs";
export type { QuadratureRule } from "./attribution/gradients/quadrature";
export { type AttentionMap, type AttentionMapsOptions, attentionMaps } from "./attribution/maps/attention-maps";
export type { AttentionOptions } from "./attribution/maps/attention-run";
export type { CamOptions } from "./attribution/maps/cam-run";
export type { PerturbedCamOptions } from "./attribution/maps/perturbed-cam";
export {
  type KeptActivation,
  type Projection,
  type ProjectOptions,
  projectActivation,
} from "./attribution/project-activation";
export { projectionImage } from "./attribution/projection-image";
export type { Budget, BudgetOptions, Refining } from "./attribution/refinement";
export type { Composite, CompositeName, LrpRule, LrpRuleName } from "./attribution/rules/composite";
export type { Conditions } from "./attribution/rules/conditions";
export { type AuditImage, type AuditImages, type AuditOptions, audit } from "./audit/audit";
export { type CompareOptions, compareModels } from "./audit/compare-models";
export type { ComparedAnswer, ComparedImage, ComparedNetwork, Comparison } from "./audit/comparison";
export { mergeAudits } from "./audit/merge-audits";
export type { NetworkKey } from "./audit/network-key";
export type {
  Audit,
  AuditedClass,
  AuditedImage,
  AuditKey,
  Confusion,
  EvidenceCluster,
  EvidencePlace,
  Suspicion,
} from "./audit/types";
export {
  type Concept,
  type ConceptFlip,
  type ConceptOptions,
  type ConceptReport,
  concepts,
} from "./concepts/concepts";
export {
  convolutionMatrix,
  type Deconvolution,
  type DeconvolutionOptions,
  deconvolution,
} from "./deconvolution/deconvolution";
export type { DepthToSpaceForm } from "./deconvolution/depth-to-space";
export { type ConvolutionLayer, convolutionOnnx } from "./deconvolution/layer-file";
export type { MatrixForm } from "./deconvolution/matrix";
export type { Pooled, UnpoolOptions } from "./deconvolution/max-pool";
export type { Phase, PhaseForm } from "./deconvolution/phases";
export { type IndexConvention, switchesFromIndices, switchIndices } from "./deconvolution/switch-indices";
export type { PoolOptions, Switches } from "./deconvolution/switches";
export {
  deconvolutionWalkThrough,
  type WalkThrough,
  type WalkThroughOptions,
} from "./deconvolution/walk-through";
export type { ZeroInsertionForm } from "./deconvolution/zero-insertion";
export {
  type ClassProbabilityMap,
  type ClassProbabilityMapOptions,
  classProbabilityMap,
} from "./detect/class-probability-map";
export { type DetectOptions, detect } from "./detect/detect";
export {
  type Dissection,
  type DissectOptions,
  dissect,
  type Region,
  type Samples,
  type UnitAgreement,
} from "./dissect/dissect";
export { type LatentOptions, randomLatents } from "./dissect/random-latents";
export { type UnitEffect, type UnitEffects, type UnitEffectsOptions, unitEffects } from "./dissect/unit-effects";
export * from "./errors";
export { ablationCam } from "./explain/ablation-cam";
export { attentionRelevance } from "./explain/attention-relevance";
export { attentionRollout } from "./explain/attention-rollout";
export { cam } from "./explain/cam";
export {
  type BoxFinder,
  type DRiseOptions,
  dRise,
  type FoundObject,
} from "./explain/d-rise";
export { deconvnet } from "./explain/deconvnet";
export { type DeepLiftOptions, deepLift } from "./explain/deep-lift";
export { type DeepLiftShapOptions, deepLiftShap } from "./explain/deep-lift-shap";
export { eigenCam } from "./explain/eigen-cam";
export { excitationBackprop } from "./explain/excitation-backprop";
export { type ExplainMethod, explain, type MethodOptions, methodNames } from "./explain/explain";
export { fullGrad } from "./explain/full-grad";
export { gradCam } from "./explain/grad-cam";
export { gradCamPlusPlus } from "./explain/grad-cam-plus-plus";
export { type GradientShapOptions, gradientShap } from "./explain/gradient-shap";
export { guidedBackprop } from "./explain/guided-backprop";
export { type GuidedGradCamOptions, guidedGradCam } from "./explain/guided-grad-cam";
export { hiResCam } from "./explain/hi-res-cam";
export { inputXGradient } from "./explain/input-x-gradient";
export { type IntegratedGradientsOptions, integratedGradients } from "./explain/integrated-gradients";
export { type KernelShapOptions, kernelShap } from "./explain/kernel-shap";
export { layerCam } from "./explain/layer-cam";
export { type LimeOptions, lime } from "./explain/lime";
export { type LrpOptions, lrp } from "./explain/lrp";
export { type NoiseTunnelOptions, noiseTunnel } from "./explain/noise-tunnel";
export { type OcclusionOptions, occlusion } from "./explain/occlusion";
export { type ReciproCamOptions, reciproCam } from "./explain/recipro-cam";
export { type RiseOptions, rise } from "./explain/rise";
export { saliency } from "./explain/saliency";
export { scoreCam } from "./explain/score-cam";
export { type SmoothGradOptions, smoothGrad } from "./explain/smooth-grad";
export { xGradCam } from "./explain/x-grad-cam";
export type { DecodeOptions } from "./image/decode";
export {
  type DataURLOptions,
  type EncodeOptions,
  encodeJpeg,
  encodePng,
  type ImageDataLike,
  type JpegOptions,
  toDataURL,
  toImageData,
} from "./image/encode";
export type { ImageLike } from "./image/image";
export type { Picture } from "./image/picture";
export type { PictureSource } from "./image/picture-source";
export { type Placement, placement } from "./image/placement";
export { preprocess } from "./image/preprocess";
export type { Preprocess } from "./image/preprocess-options";
export { type ResizeImageOptions, resize } from "./image/resize-image";
export { type SlicOptions, slic } from "./image/slic";
export type { Limits } from "./limits";
export type { MethodFacts, MethodWords, OptionFacts, OptionGroup, Reading } from "./methods/facts";
export { detectorMethods, type MethodName, methodTable, methodWords } from "./methods/table";
export { inWords } from "./methods/words";
export type { BoxDecoding, Detection, DetectionPart, DetectorHeadOption, InstanceMask } from "./model/detection";
export type { ModelConfig } from "./model/hugging-face";
export { type AttentionReport, inspect, type ModelReport, showReport } from "./model/inspect";
export type { Intervention } from "./model/intervention";
export type { Labels } from "./model/labels";
export type { KernelFiles, LoadOptions, WasmSource } from "./model/load-options";
export type { Layer, Model, Prediction, RunResult } from "./model/model";
export type { ModelFiles } from "./model/model-files";
export type { Input, ModelInput, NamedInputs, SingleInput } from "./model/network-inputs";
export type { FixedValue, InputOptions } from "./model/read-inputs";
export { receptiveField } from "./model/receptive-field/receptive-field";
export type { TargetReport } from "./model/score";
export type { FileSource, ModelSource } from "./model/source";
export type { Position, Target, UnitPosition } from "./model/target";
export { toImage } from "./model/to-image";
export type { Note, NoteCode } from "./notes";
export { auditExamples } from "./report/audit-page";
export {
  htmlReport,
  type Reportable,
  type ReportedAttribution,
  type ReportOptions,
  type ReportPhotos,
  type ReportTable,
} from "./report/html-report";
export type { FitOptions, HeadFit, LabelledImage, LabelledImages } from "./rewrite/fit-head";
export type { RewriteStep } from "./rewrite/rewrite-step";
export { type CamModel, type ToCamOptions, type ToCamReport, toCamModel } from "./rewrite/to-cam-model";
export { contactSheet } from "./search/contact-sheet";
export type { SearchImage, SearchImages } from "./search/image-stream";
export { mergeTopActivations } from "./search/merge-top-activations";
export type { ImageSource, SheetOptions } from "./search/tiles";
export { type SearchOptions, topActivations } from "./search/top-activations";
export type { Hit, SearchKey, ShardProgress, TopActivations, UnitHits } from "./search/types";
export { type ProjectedHit, type UnitPage, unitPage } from "./search/unit-page";
export { type SummaryOptions, type UnitSummary, unitSummary } from "./search/unit-summary";
export { Tensor } from "./tensor";
export { type Adcc, adcc } from "./trust/adcc";
export { type AverageDrop, averageDrop, type Confidences } from "./trust/average-drop";
export { type BootstrapOptions, bootstrapInterval, type MeanInterval } from "./trust/bootstrap-interval";
export { type BoxEvidence, boxEvidence } from "./trust/box-evidence";
export { type ControlHeatmaps, controlHeatmaps } from "./trust/control-heatmaps";
export {
  type DeletionInsertion,
  type DeletionInsertionCurves,
  type DeletionInsertionOptions,
  deletionInsertion,
  type ResponseCurve,
} from "./trust/deletion-insertion";
export { type EnergyPointingGame, energyPointingGame } from "./trust/energy-pointing-game";
export type { ExplanationMapOptions } from "./trust/explanation-map";
export { type IncreaseInConfidence, increaseInConfidence } from "./trust/increase-in-confidence";
export { type Infidelity, type InfidelityOptions, infidelity } from "./trust/infidelity";
export type { JudgedMap } from "./trust/judged-map";
export { type MaxSensitivity, type MaxSensitivityOptions, maxSensitivity } from "./trust/max-sensitivity";
export type { Perturbation } from "./trust/perturbation";
export { type PointingGame, type PointingGameOptions, pointingGame } from "./trust/pointing-game";
export {
  type RandomLogit,
  type RandomLogitTest,
  type RandomLogitTestOptions,
  randomLogitTest,
} from "./trust/random-logit-test";
export {
  type RandomizationStage,
  type RandomizationTest,
  type RandomizationTestOptions,
  randomizationTest,
} from "./trust/randomization-test";
export type { ObjectRegion } from "./trust/region";
export { type Road, type RoadCurves, type RoadOptions, road } from "./trust/road";
export type { Similarity } from "./trust/similarity";
export { sparseness } from "./trust/sparseness";
export type { Measure } from "./trust/target-response";
export { version } from "./version";
export { type Box, boundingBox, drawBox } from "./view/bounding-box";
export { captioned } from "./view/captioned";
export { type ClassMap, classMap, classMapImage } from "./view/class-map";
export { colormapNames } from "./view/colormap";
export { cropImage } from "./view/crop-image";
export { type DrawDetectionsOptions, type DrawnBox, type DrawnMask, drawDetections } from "./view/draw-detections";
export { encodeNpy } from "./view/encode-npy";
export { type Heatmap, type HeatmapOptions, heatmap } from "./view/heatmap";
export { type MontageOptions, montage } from "./view/montage";
export {
  enlarge,
  heatmapImage,
  type OverlayOptions,
  overlay,
  type SideBySideOptions,
  sideBySide,
} from "./view/overlay";
export { type PoolingPictureOptions, type PoolingStages, poolingPicture } from "./view/pooling-picture";
export { type Mask, type SegmentOptions, segment } from "./view/segment";
export { type SignalPlotOptions, signalPlot } from "./view/signal-plot";
export type { AscentStep } from "./visualize/ascent";
export { maximizeActivation, type Visualization } from "./visualize/maximize-activation";
export type { LayerTarget, VisualizedTarget } from "./visualize/objective";
export type { Diversity, MaximizeOptions } from "./visualize/options";
export type { Transforms } from "./visualize/transforms";
export type { Arithmetic } from "./wasm/instantiate";
