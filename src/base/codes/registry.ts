import { errorTable } from '../error-entry.ts';

/** The error codes of `registry`. */
export const registryCodes = errorTable({
  REGISTRY_UNREACHABLE: {
    exit: 6,
    message: '{registry} cannot be reached: {reason}',
    why: 'No connection to the registry came about, or it broke or stood still, again and again.',
    todo: 'Check the name, the network and the proxies (HTTPS_PROXY, NO_PROXY), and try again.',
  },
  REGISTRY_TLS_UNTRUSTED: {
    exit: 6,
    message: 'the certificate of {registry} is not trusted: {reason}',
    why: 'No authority that this host trusts vouches for the certificate, or it is for another name or time.',
    todo: "Put its authority's certificate into ~/.config/hyperfile/certs.d/{registry}/ca.crt, or name it in NODE_EXTRA_CA_CERTS.",
  },
  REGISTRY_UNAUTHORIZED: {
    exit: 6,
    message: '{registry} wants to know who asks: {reason}',
    why: 'The registry lets only known users do this, or there is no such repository: many do not say which.',
    todo: 'Log in with `hyperfile login {registry}`, and check the name.',
  },
  REGISTRY_DENIED: {
    exit: 6,
    message: '{registry} does not allow this for {name}: {reason}',
    why: 'The registry knows who asks, and this user has no right to it.',
    todo: 'Ask whoever runs the repository for the right, or log in as another user: `hyperfile login {registry}`.',
  },
  REGISTRY_NOT_FOUND: {
    exit: 6,
    message: '{registry} has no {name}: {reason}',
    why: 'There is no such repository, or not what was looked for in it.',
    todo: 'Check the name; `hyperfile tags` lists the tags of a repository.',
  },
  REGISTRY_RATE_LIMITED: {
    exit: 6,
    message: '{registry} was asked too often: {reason}',
    why: 'The registry limits how many requests somebody may send, and fewer for those who are not logged in.',
    todo: 'Try again later, or log in with `hyperfile login {registry}`.',
  },
  REGISTRY_FAILED: {
    exit: 6,
    message: '{registry} failed with status {status}: {reason}',
    why: 'The registry answered a request with an error of its own, several times when that may help.',
    todo: 'Read the reason above, and try again later.',
  },
  REGISTRY_ANSWER_TOO_LARGE: {
    exit: 6,
    message: 'an answer of {registry} has more than {limitBytes} bytes',
    why: 'An honest answer of this kind is short; this one was not read to its end.',
    todo: 'Check that the host is a registry and serves nothing else under this name.',
  },
  REGISTRY_REDIRECT_REFUSED: {
    exit: 6,
    message: 'the way from {registry} to {target} was not taken: {reason}',
    why: 'Registries redirect to where their blobs are; this redirect was not safe to follow.',
    todo: 'Tell whoever runs the registry. From plain HTTP it may lead to hosts listed in HYPERFILE_INSECURE_REGISTRIES.',
  },
  REGISTRY_TOKEN_FAILED: {
    exit: 6,
    message: 'the token service {service} of {registry} gave no token: {reason}',
    why: 'The registry sends its users to another service for tokens, and that one did not do its part.',
    todo: 'Try again later; `hyperfile login {registry}` shows whether your credentials are taken.',
  },
  REGISTRY_HELPER_FAILED: {
    exit: 6,
    message: 'the credential helper {helper} failed: {reason}',
    why: "Docker's configuration names a program that keeps credentials, and it did not do its part.",
    todo: 'Install it, or take it out of "credsStore" and "credHelpers" in ~/.docker/config.json.',
  },
  REGISTRY_CONFIG_INVALID: {
    exit: 6,
    message: '{path} cannot be used: {reason}',
    why: "Credentials are kept in Docker's configuration, which has a form that Docker defines.",
    todo: 'Mend or remove the file, and log in again.',
  },
  REGISTRY_CERTIFICATE_INVALID: {
    exit: 6,
    message: '{path} cannot be used as a certificate: {reason}',
    why: 'A certs.d folder holds authorities (*.crt) and clients (NAME.cert with NAME.key), all in PEM form.',
    todo: 'Mend or remove the file.',
  },
  REGISTRY_PROXY_INVALID: {
    exit: 6,
    message: '{variable} is not the URL of a proxy',
    why: 'The environment names the proxy to reach registries through.',
    todo: 'Write it like http://proxy.example:3128.',
  },
  REGISTRY_HOST_INVALID: {
    exit: 2,
    message: '"{host}" is not the host of a registry',
    why: 'A registry is named by its host and, where needed, its port.',
    todo: 'Write it like `registry.example` or `localhost:5000`.',
  },
  REGISTRY_ANSWER_INVALID: {
    exit: 6,
    message: 'the registry {registry} gave an answer for {name} that makes no sense: {reason}',
    why: 'The answer does not keep to the OCI distribution specification, so nothing in it can be relied on.',
    todo: 'Check that the host is a registry, and that no proxy on the way changes its answers.',
  },
  REGISTRY_TAG_INVALID: {
    exit: 2,
    message: '"{tag}" is not a tag ({name})',
    why: 'A tag has up to 128 letters, digits, underscores, dots and dashes, and begins with none of the last two.',
    todo: 'Write a tag like `latest` or `1.2-beta`.',
  },
  REGISTRY_BLOB_REFUSED: {
    exit: 6,
    message: '{name} did not take the blob {digest}: {reason}',
    why: 'The registry refused an upload for good: its size, its content or the repository do not suit it.',
    todo: 'Read the reason above; the limits of a registry are in its documentation.',
  },
  REGISTRY_MANIFEST_REFUSED: {
    exit: 6,
    message: '{name} did not take the manifest {digest}: {reason}',
    why: 'All blobs were there, but the registry refused what lists them: a tag that may not move, or too many layers.',
    todo: 'Read the reason above; push under another tag, or flatten the image into fewer layers.',
  },
  REGISTRY_TRANSFER_BROKEN: {
    exit: 6,
    message: 'the transfer of {digest} ({name}) broke {attempts} times without getting further: {reason}',
    why: 'The connection breaks or stalls again and again at the same place, on the way or in the registry.',
    todo: 'Try again later: what arrived in full is not transferred again.',
  },
});
