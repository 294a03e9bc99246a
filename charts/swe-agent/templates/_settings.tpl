{{/* Variables of the processes, as far as they differ from the defaults there. Names and meaning: docs/settings.md. */}}

{{/* Of every process; empty when there is nothing to say. */}}
{{- define "swe-agent.commonEnv" -}}
{{- if ne (include "swe-agent.homeNamespace" .) .Release.Namespace }}
- name: K8S_NAMESPACE
  value: {{ include "swe-agent.homeNamespace" . | quote }}
{{- end }}
{{- if not .Values.allInOne.enabled }}
- name: REDIS_URL
  valueFrom: {secretKeyRef: {name: {{ include "swe-agent.redisSecret" . }}, key: url}}
- name: REDIS_KEY_PREFIX
  value: {{ .Values.redis.keyPrefix | quote }}
{{- end }}
{{- if include "swe-agent.blobsInS3" . }}
{{- $s3 := .Values.blobs.s3 }}
- name: BLOB_STORE
  value: "s3"
- name: S3_BUCKET
  value: {{ required "set blobs.s3.bucket when blobs.store is s3" $s3.bucket | quote }}
{{- with $s3.endpoint }}
- name: S3_ENDPOINT
  value: {{ . | quote }}
{{- end }}
- name: S3_REGION
  value: {{ $s3.region | quote }}
- name: S3_PREFIX
  value: {{ $s3.prefix | quote }}
{{- if ne (toString $s3.forcePathStyle) "auto" }}
- name: S3_FORCE_PATH_STYLE
  value: {{ $s3.forcePathStyle | quote }}
{{- end }}
{{- with $s3.existingSecret }}
- name: AWS_ACCESS_KEY_ID
  valueFrom: {secretKeyRef: {name: {{ . }}, key: access-key-id}}
- name: AWS_SECRET_ACCESS_KEY
  valueFrom: {secretKeyRef: {name: {{ . }}, key: secret-access-key}}
- name: AWS_SESSION_TOKEN
  valueFrom: {secretKeyRef: {name: {{ . }}, key: session-token, optional: true}}
{{- end }}
{{- end }}
{{- end }}

{{/* Of the operator. */}}
{{- define "swe-agent.operatorEnv" -}}
{{- $sandbox := .Values.sandbox -}}
- name: SANDBOX_TYPE
  value: {{ include "swe-agent.sandboxType" . | quote }}
- name: WORKER_IMAGE
  value: {{ $sandbox.image | quote }}
{{- with include "swe-agent.toolboxImage" . }}
- name: SWE_AGENT_TOOLBOX_IMAGE
  value: {{ . | quote }}
{{- end }}
{{- with $sandbox.runtimeClassName }}
- name: SWE_AGENT_RUNTIME_CLASS
  value: {{ . | quote }}
{{- end }}
{{- if ne $sandbox.network.egress "public" }}
- name: SWE_AGENT_NETWORK
  value: {{ $sandbox.network.egress | quote }}
{{- end }}
{{- with $sandbox.network.allow }}
- name: SWE_AGENT_NETWORK_ALLOW
  value: {{ join "," . | quote }}
{{- end }}
{{- with $sandbox.network.clusterRanges }}
- name: SWE_AGENT_CLUSTER_RANGES
  value: {{ join "," . | quote }}
{{- end }}
{{- with $sandbox.network.dnsServers }}
- name: SWE_AGENT_DNS_SERVERS
  value: {{ join "," . | quote }}
{{- end }}
{{- with include "swe-agent.sandboxDefaults" . | fromJson }}
- name: SWE_AGENT_SANDBOX_DEFAULTS
  value: {{ toJson . | replace "'" "''" | squote }}
{{- end }}
{{- if ne $sandbox.user "1000:1000" }}
- name: SWE_AGENT_SANDBOX_USER
  value: {{ $sandbox.user | quote }}
{{- end }}
{{- if not $sandbox.readOnlyRootFilesystem }}
- name: SWE_AGENT_SANDBOX_READ_ONLY
  value: "false"
{{- end }}
{{- $release := $sandbox.release | default dict }}
{{- if ne (int (dig "finishedSeconds" 900 $release)) 900 }}
- name: SWE_AGENT_RELEASE_FINISHED_SECONDS
  value: {{ int $release.finishedSeconds | quote }}
{{- end }}
{{- if ne (int (dig "waitingSeconds" 14400 $release)) 14400 }}
- name: SWE_AGENT_RELEASE_WAITING_SECONDS
  value: {{ int $release.waitingSeconds | quote }}
{{- end }}
- name: SWE_AGENT_INSTALLATION
  value: {{ include "swe-agent.clusterName" . | quote }}
{{- if .Values.watchNamespaces }}
- name: SWE_AGENT_WATCH_NAMESPACES
  value: {{ join "," .Values.watchNamespaces | quote }}
{{- end }}
{{- if ne (int .Values.operator.maxRunning) 200 }}
- name: SWE_AGENT_MAX_RUNNING
  value: {{ .Values.operator.maxRunning | quote }}
{{- end }}
{{- if include "swe-agent.daytona" . }}
- name: DAYTONA_INSTALLATION
  value: {{ .Values.daytona.installation | quote }}
- name: DAYTONA_API_KEY
  valueFrom: {secretKeyRef: {name: {{ include "swe-agent.credentialsSecret" . }}, key: daytona-api-key}}
{{- with .Values.daytona.serverUrl }}
- name: DAYTONA_SERVER_URL
  value: {{ . | quote }}
{{- end }}
{{- with .Values.daytona.target }}
- name: DAYTONA_TARGET
  value: {{ . | quote }}
{{- end }}
{{- with .Values.daytona.image }}
- name: DAYTONA_TARGET_IMAGE
  value: {{ . | quote }}
{{- end }}
{{- end }}
{{- include "swe-agent.modelEnv" . }}
- name: GIT_USERNAME
  value: {{ .Values.git.username | quote }}
- name: GIT_EMAIL
  value: {{ .Values.git.email | quote }}
- name: GIT_TOKEN
  valueFrom: {{ include "swe-agent.credential" (list . "git-token") }}
- name: GIT_TOKEN_HOSTS
  value: {{ join "," .Values.git.tokenHosts | quote }}
{{- end }}

{{/* A key of the Secret with the credentials, which need not have it: (list $ "git-token"). */}}
{{- define "swe-agent.credential" -}}
{secretKeyRef: {name: {{ include "swe-agent.credentialsSecret" (index . 0) }}, key: {{ index . 1 }}, optional: true}}
{{- end }}

{{/* Of the ready-made profiles; lines, each after a line break. Keys are in the Secret, and so is what the values leave open. */}}
{{- define "swe-agent.modelEnv" -}}
{{- $root := . -}}
{{- $model := .Values.model -}}
{{- $azure := $model.azure | default dict -}}
{{- range list
  (list "OPENAI_API_KEY" "openai-api-key" "")
  (list "GOOGLE_API_KEY" "google-api-key" "")
  (list "ANTHROPIC_API_KEY" "anthropic-api-key" "")
  (list "AZURE_OPENAI_API_KEY" "azure-openai-api-key" "")
  (list "AZURE_OPENAI_ENDPOINT" "azure-openai-endpoint" $azure.endpoint)
  (list "AZURE_OPENAI_DEPLOYMENT" "azure-openai-deployment" $azure.deployment)
  (list "AZURE_OPENAI_API_VERSION" "azure-openai-api-version" $azure.apiVersion)
  (list "OLLAMA_HOST" "ollama-host" $model.ollamaHost)
  (list "OPENAI_BASE_URL" "openai-base-url" $model.openaiBaseUrl)
  (list "MODEL_NAME" "model-name" $model.name)
}}
- name: {{ index . 0 }}
{{- if index . 2 }}
  value: {{ index . 2 | quote }}
{{- else }}
  valueFrom: {{ include "swe-agent.credential" (list $root (index . 1)) }}
{{- end }}
{{- end }}
{{- end }}

{{/* As JSON. Pods that bring in the toolbox of the operator's image have to pull that. */}}
{{- define "swe-agent.sandboxDefaults" -}}
{{- $pull := list -}}
{{- if eq (default "self" .Values.sandbox.toolboxImage) "self" -}}
{{- range .Values.imagePullSecrets }}{{ $pull = append $pull (dict "name" .) }}{{ end -}}
{{- end -}}
{{- $own := ternary (dict "imagePullSecrets" $pull) dict (not (empty $pull)) -}}
{{ mergeOverwrite $own (deepCopy (.Values.sandbox.defaults | default dict)) | toJson }}
{{- end }}

{{/* Of the gateway. */}}
{{- define "swe-agent.gatewayEnv" -}}
- name: API_AUTH
  value: {{ .Values.gateway.auth.mode | quote }}
{{- if eq .Values.gateway.auth.mode "token" }}
- name: API_TOKEN
  valueFrom: {secretKeyRef: {name: {{ include "swe-agent.tokenSecret" . }}, key: token}}
{{- end }}
{{- $proxy := .Values.gateway.auth.proxy | default dict }}
{{- $userHeader := include "swe-agent.userHeader" . }}
{{- with $userHeader }}
- name: API_USER_HEADER
  value: {{ . | quote }}
{{- end }}
{{- with $proxy.trustedProxies }}
- name: API_TRUSTED_PROXIES
  value: {{ join "," . | quote }}
{{- end }}
{{- if and $userHeader $proxy.existingSecret }}
- name: API_PROXY_SECRET
  valueFrom: {secretKeyRef: {name: {{ $proxy.existingSecret }}, key: proxy-secret}}
{{- end }}
- name: SWE_AGENT_ALLOWED_HOSTS
  value: {{ include "swe-agent.allowedHosts" . | quote }}
{{- end }}

{{/* Of a gateway by itself: which sandboxes the operators have; empty when they are Pods alone. It gets no key. */}}
{{- define "swe-agent.offeredEnv" -}}
{{- if include "swe-agent.daytona" . }}
- name: SANDBOX_TYPE
  value: {{ include "swe-agent.sandboxType" . | quote }}
- name: DAYTONA_INSTALLATION
  value: {{ .Values.daytona.installation | quote }}
{{- end }}
{{- end }}

{{/* Names of the Service with .svc, and those without a dot, are known without being named. */}}
{{- define "swe-agent.allowedHosts" -}}
{{- $hosts := list (printf "%s.%s" (include "swe-agent.fullname" .) .Release.Namespace) -}}
{{- $hosts = concat $hosts .Values.gateway.allowedHosts -}}
{{- if .Values.gateway.ingress.enabled }}{{ $hosts = concat $hosts .Values.gateway.ingress.hosts }}{{ end -}}
{{- if .Values.gateway.httpRoute.enabled }}{{ $hosts = concat $hosts .Values.gateway.httpRoute.hostnames }}{{ end -}}
{{- /* *.example.com is .example.com there. */ -}}
{{- $names := list }}
{{- range $hosts }}{{ $names = append $names (trimPrefix "*" .) }}{{ end -}}
{{ uniq $names | join "," }}
{{- end }}
