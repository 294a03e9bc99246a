/** A repository's address in as few words as tell it apart: `acme/shop`, `gitlab.example.com/tools/cli`, `~/blog`. */
export function repositoryName(url: string): string {
  const short = url
    .trim()
    .replace(/^[a-z][a-z0-9+.-]*:\/\/(?:[^/@]*@)?/i, '')
    .replace(/^[^/@\s]+@([^/:\s]+):/, '$1/')
    .replace(/\/+$/, '')
    .replace(/\.git$/, '')
    .replace(/^(?:www\.)?github\.com\//, '')
    .replace(/^\/(?:home|Users)\/[^/]+\//, '~/');
  return short === '' ? url : short;
}
