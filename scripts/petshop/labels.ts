/** As models/labels.json has them. */
export const labels: readonly string[] = ["bird", "cat", "dog", "fish", "mouse", "rabbit", "snake", "turtle"];
