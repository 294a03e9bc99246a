/** The sandbox suites on Pods of a real cluster, one image of each kind at a time: `make cluster-test`. */
import { beforeAll, describe } from '@jest/globals';
import { describeSandbox } from '../conformance/sandbox.ts';
import { describeTransport } from '../conformance/transport.ts';
import { IMAGES_MS, importPodImages, TOOLBOX_IMAGE, WITH_GIT_IMAGE } from './pod-images.ts';
import { clusterForTests, TestPods } from './pods.ts';

const cluster = clusterForTests();
/** The container's name, and what the real image of Python has. */
const BROUGHT = /^(HOSTNAME|PYTHON_\w+|GPG_KEY)$/;
const IMAGES = [
  { name: 'with git and bash', defaults: { image: WITH_GIT_IMAGE }, toolboxImage: undefined },
  { name: 'of python:3.12-slim', defaults: { image: 'python:3.12-slim' }, toolboxImage: TOOLBOX_IMAGE },
  { name: 'of alpine:3', defaults: { image: 'alpine:3' }, toolboxImage: TOOLBOX_IMAGE },
  {
    name: "of an image's own user",
    defaults: { image: 'localhost/swe-agent-test/non-root:1' },
    toolboxImage: TOOLBOX_IMAGE,
    user: 'image' as const,
  },
];

(cluster ? describe : describe.skip)('on a cluster', () => {
  const open = async ({ name: _, toolboxImage, ...options }: (typeof IMAGES)[number]): Promise<TestPods> => {
    if (!cluster) throw new Error('there is no cluster');
    return TestPods.open(cluster, { ...options, ...(toolboxImage && { toolboxImage }) });
  };

  beforeAll(async () => cluster && importPodImages(cluster), IMAGES_MS);

  for (const image of IMAGES) {
    describeSandbox(
      `Pod ${image.name}`,
      async () => {
        const pods = await open(image);
        return {
          provision: (spec) => pods.provision(spec),
          findAgain: (handle) => pods.findAgain(handle),
          close: () => pods.close(),
        };
      },
      { holds: true, brings: BROUGHT, countsLines: image.defaults.image !== 'alpine:3' },
    );
  }

  describeTransport('Pod', async () => {
    const pods = await open({ name: '', defaults: { image: 'ubuntu:22.04' }, toolboxImage: TOOLBOX_IMAGE });
    return {
      transport: () => pods.transport(),
      owner: (name) => pods.owner(name),
      processCount: (handle) => pods.processCount(handle),
      close: () => pods.close(),
    };
  });
});
