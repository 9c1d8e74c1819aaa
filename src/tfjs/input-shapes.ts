/** The shape that is asked for an input, by its name and its place among all. */
export type InputShapes = (name: string, position: number) => readonly number[] | undefined;
