// SPDX-License-Identifier: Apache-2.0

/** A file of the declaration, or one it names, below the directory of the declaration. */
export interface MountedFile {
  /** In the ConfigMap or Secret, where names have no slashes. */
  readonly key: string;
  readonly path: string;
}

export interface InstallOptions {
  readonly image: string;
  readonly replicas: number;
  /** Size of each gateway's volume, such as `10Gi`. */
  readonly storage: string;
  readonly documents: readonly (MountedFile & { readonly text: string })[];
  readonly files: readonly MountedFile[];
  readonly variables: readonly string[];
  /** The declaration names files that Kubernetes mounts for a service account. */
  readonly readsOwnToken: boolean;
}

export interface Installation extends InstallOptions {
  readonly settingsHash: string;
}
