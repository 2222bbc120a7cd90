/**
 * A canary is an old mistake put back: a source patch that exists only here, and what must notice it. The harness is as
 * good as the canaries that it catches; see `main.ts` for how they are run.
 */

/** One place of the source, by its exact text, which must be there once. */
export interface Edit {
  readonly file: string
  readonly find: string
  readonly replace: string
}

export interface Canary {
  /** What goes wrong, in kebab-case. */
  readonly name: string
  /** Whose bug it was: client or recipe, with its number. */
  readonly was: string
  readonly edits: readonly Edit[]
  /** The simulation is asked first, as it looks for no bug in particular. */
  readonly simulation?: Simulated | undefined
  /** Test files that are asked next, the cheapest first. */
  readonly unit: readonly string[]
}

/** What is simulated, at most so long. */
export interface Simulated {
  readonly recipe: string
}

/** Test files of recipes, by their names. */
export function recipeTests(...names: string[]): string[] {
  return names.map((name) => `test/recipes/${name}.test.ts`)
}

/** Thrown where the source has changed under a canary. */
export class StaleCanaryError extends Error {}

/** The text of a file with the canary's edits in it. */
export function patched(canary: Canary, file: string, text: string): string {
  let out = text
  for (const { find, replace, file: where } of canary.edits) {
    if (where !== file) continue
    const parts = out.split(find)
    if (parts.length !== 2) {
      const times = parts.length - 1
      throw new StaleCanaryError(
        `stale canary ${canary.name}: its text is ${times} times in ${file}:\n${find}`,
      )
    }
    out = parts.join(replace)
  }
  return out
}
