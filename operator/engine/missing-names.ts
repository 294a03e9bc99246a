/** Tells a test that fails because of what it tests from one that does not even begin, for want of a name that a change brings. */

const MISSING_NAME =
  /\bundefined: \w|\bImportError\b|ModuleNotFoundError|\bNameError\b|has no attribute '|is not defined\b|is not a function\b|Cannot find (?:module|name|package)|does not provide an export|has no exported member|Property '.+' does not exist on type|unresolved (?:import|reference)|cannot find (?:symbol|function|type|value|package|module)|no member named|was not declared|undeclared (?:identifier|here)|implicit declaration of function|undefined reference to|undefined (?:local variable or )?method|uninitialized constant|Call to undefined|Class ".+" not found/;

/** Whether the output of a failed run speaks of names that are not there. It may fail for other reasons as well. Pure. */
export function missesNames(output: string): boolean {
  return MISSING_NAME.test(output);
}
