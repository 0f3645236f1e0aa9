/** The one table of checks. */
import { argRules } from './arg-rules.ts';
import { commandRules } from './command-rules.ts';
import { formRules } from './form-rules.ts';
import type { Rule } from './rule.ts';
import { stageRules } from './stage-rules.ts';

export const RULES: readonly Rule[] = [...stageRules, ...formRules, ...commandRules, ...argRules];
