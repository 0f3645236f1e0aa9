/** The error for a status that is no answer, in the registry's own words. */
import { HyperfileError, type ErrorOptions } from '../base/error.ts';
import type { ErrorCode } from '../base/codes/index.ts';
import type { RegistryResponse } from './client.ts';
import { refusalReason } from './refusal.ts';
import { PassingFailure, retryAfterMs } from './retry.ts';

export interface AnswerContext {
  readonly registry: string;
  /** What the request was about: a repository's path; empty for the registry itself. */
  readonly repository: string;
  /** Whether credentials were shown. */
  readonly isLoggedIn: boolean;
}

const PASSING: readonly number[] = [408, 425, 429, 500, 502, 503, 504];

/** Reads the answer to its end. What may pass is a {@link PassingFailure}. */
export async function answerError(
  response: RegistryResponse,
  context: AnswerContext,
): Promise<HyperfileError | PassingFailure> {
  const { status, headers } = response;
  const { reason } = await refusalReason(response);
  const waitMs = retryAfterMs(headers['retry-after']);
  const error = statusError(status, reason, waitMs, context);
  return PASSING.includes(status) ? new PassingFailure(error, waitMs) : error;
}

function statusError(
  status: number,
  reason: string,
  waitMs: number | undefined,
  { registry, repository, isLoggedIn }: AnswerContext,
): HyperfileError {
  const make = (code: ErrorCode, options: ErrorOptions = {}): HyperfileError =>
    new HyperfileError(code, {
      ...options,
      data: { registry, name: repository || '/v2/', status, reason, ...options.data },
    });
  const waitSeconds = waitMs === undefined ? undefined : Math.ceil(waitMs / 1000);
  const wait = waitSeconds === undefined ? {} : { data: { retryAfterSeconds: waitSeconds } };
  switch (status) {
    case 401:
      return make('REGISTRY_UNAUTHORIZED', isLoggedIn ? { hint: refusedLogin(registry) } : {});
    case 403:
      return make('REGISTRY_DENIED');
    case 404:
      return make('REGISTRY_NOT_FOUND');
    case 429:
      return make('REGISTRY_RATE_LIMITED', {
        ...wait,
        ...(waitSeconds !== undefined && { hint: `It says when to try again: in ${waitSeconds} s.` }),
      });
    default:
      return make('REGISTRY_FAILED', wait);
  }
}

function refusedLogin(registry: string): string {
  return `The stored credentials are not accepted, or not for this: \`hyperfile login ${registry}\` takes others.`;
}
