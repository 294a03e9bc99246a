{{/* Names and labels. */}}

{{- define "swe-agent.name" -}}
{{ default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "swe-agent.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains $name .Release.Name -}}
{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" }}
{{- end -}}
{{- end }}

{{/* Name of what belongs to the whole cluster: releases of the same name in two namespaces do not meet. */}}
{{- define "swe-agent.clusterName" -}}
{{ printf "%s-%s" .Release.Namespace (include "swe-agent.fullname" .) | trunc 50 | trimSuffix "-" }}
{{- end }}

{{/* Labels that select the Pods of a component: (list $ "operator"). */}}
{{- define "swe-agent.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "swe-agent.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* All labels of an object: (list $ "operator"). */}}
{{- define "swe-agent.labels" -}}
{{- $root := index . 0 -}}
{{ include "swe-agent.selector" . }}
app.kubernetes.io/part-of: swe-agent
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Labels of a component's Pods: nothing that changes with the chart's version, or every upgrade would restart them. */}}
{{- define "swe-agent.podLabels" -}}
{{ include "swe-agent.selector" . }}
app.kubernetes.io/part-of: swe-agent
{{- with (index . 0).Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "swe-agent.image" -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag }}{{ end -}}
{{- end }}

{{- define "swe-agent.mainImage" -}}
{{ include "swe-agent.image" (merge (dict "tag" (default .Chart.AppVersion .Values.image.tag)) .Values.image) }}
{{- end }}

{{/* Of the toolbox; empty when there is none. */}}
{{- define "swe-agent.toolboxImage" -}}
{{- $given := .Values.sandbox.toolboxImage -}}
{{- if ne $given "none" }}{{ default (include "swe-agent.mainImage" .) $given }}{{ end -}}
{{- end }}

{{/* (list $ "gateway"): its ServiceAccount. */}}
{{- define "swe-agent.serviceAccount" -}}
{{- $root := index . 0 -}}
{{- $account := (index $root.Values (index . 1)).serviceAccount -}}
{{- if $account.create -}}
{{ default (printf "%s-%s" (include "swe-agent.fullname" $root) (index . 1)) $account.name }}
{{- else -}}
{{ default "default" $account.name }}
{{- end -}}
{{- end }}

{{/* Components whose Pods run: as a JSON list. */}}
{{- define "swe-agent.components" -}}
{{- if .Values.allInOne.enabled -}}["operator"]
{{- else if .Values.gateway.enabled -}}["operator", "gateway"]
{{- else -}}["operator"]
{{- end -}}
{{- end }}

{{/* Whether there is a gateway, alone or within the operator. */}}
{{- define "swe-agent.hasGateway" -}}
{{- if or .Values.allInOne.enabled .Values.gateway.enabled }}true{{ end -}}
{{- end }}

{{/* The component whose Pods answer for the gateway. */}}
{{- define "swe-agent.gatewayComponent" -}}
{{ ternary "operator" "gateway" .Values.allInOne.enabled }}
{{- end }}

{{- define "swe-agent.everywhere" -}}
{{- if has "*" .Values.watchNamespaces }}true{{ end -}}
{{- end }}

{{/* Namespaces that sessions may be in, as a JSON list; meaningless when it is everywhere. */}}
{{- define "swe-agent.namespaces" -}}
{{ default (list .Release.Namespace) .Values.watchNamespaces | uniq | toJson }}
{{- end }}

{{/* Where REST makes its sessions, and where the ready-made profile is. */}}
{{- define "swe-agent.homeNamespace" -}}
{{- if include "swe-agent.everywhere" . -}}{{ .Release.Namespace }}
{{- else -}}{{ include "swe-agent.namespaces" . | fromJsonArray | first }}
{{- end -}}
{{- end }}

{{- define "swe-agent.ownRedis" -}}
{{- if and .Values.redis.enabled (not .Values.allInOne.enabled) }}true{{ end -}}
{{- end }}

{{/* Secret with the key `url`. */}}
{{- define "swe-agent.redisSecret" -}}
{{- if .Values.redis.enabled -}}
{{ default (printf "%s-redis" (include "swe-agent.fullname" .)) .Values.redis.existingSecret }}
{{- else -}}
{{ default (printf "%s-redis" (include "swe-agent.fullname" .)) .Values.redis.external.existingSecret }}
{{- end -}}
{{- end }}

{{/* Values of before there was a choice have no blobs. */}}
{{- define "swe-agent.blobsInS3" -}}
{{- if eq ((.Values.blobs | default dict).store | default "redis") "s3" }}true{{ end -}}
{{- end }}

{{/* Name of the installation at Daytona; empty when it has no sandboxes there. Values of before there was a choice lack it. */}}
{{- define "swe-agent.daytona" -}}
{{- $daytona := .Values.daytona | default dict -}}
{{- if and .Values.credentials.daytonaApiKey (not $daytona.installation) }}{{ fail "set daytona.installation to a name that no other installation with the same organization at Daytona has" }}{{ end -}}
{{- if and $daytona.only (not $daytona.installation) }}{{ fail "daytona.only needs daytona.installation" }}{{ end -}}
{{- if and $daytona.installation (not .Values.credentials.existingSecret) (not .Values.credentials.daytonaApiKey) }}{{ fail "set credentials.existingSecret or credentials.daytonaApiKey: daytona.installation needs a key of Daytona" }}{{ end -}}
{{ $daytona.installation | default "" }}
{{- end }}

{{/* Of operator and gateway: the kind of sandboxes where a session names none. */}}
{{- define "swe-agent.sandboxType" -}}
{{- if (.Values.daytona | default dict).only }}daytona{{ else }}k8s{{ end -}}
{{- end }}

{{- define "swe-agent.credentialsSecret" -}}
{{ default (printf "%s-credentials" (include "swe-agent.fullname" .)) .Values.credentials.existingSecret }}
{{- end }}

{{/* Whether the values lead to a ready-made profile, as far as they can tell. */}}
{{- define "swe-agent.modelIsNamed" -}}
{{- $keys := .Values.credentials -}}
{{- if or $keys.existingSecret $keys.openaiApiKey $keys.googleApiKey $keys.anthropicApiKey $keys.azureOpenaiApiKey .Values.model.openaiBaseUrl .Values.model.ollamaHost }}true{{ end -}}
{{- end }}

{{/* The header in which a proxy in front of the gateway names the user; empty when there is none. */}}
{{- define "swe-agent.userHeader" -}}
{{- $auth := .Values.gateway.auth -}}
{{- $proxy := $auth.proxy | default dict -}}
{{- if and $proxy.userHeader (include "swe-agent.hasGateway" .) -}}
{{- if eq $auth.mode "kubernetes" }}{{ fail "gateway.auth.proxy needs gateway.auth.mode token or none: with kubernetes the token says who calls" }}{{ end -}}
{{- if not (or $proxy.trustedProxies $proxy.existingSecret) }}{{ fail "set gateway.auth.proxy.trustedProxies or gateway.auth.proxy.existingSecret: anybody can send the header" }}{{ end -}}
{{ $proxy.userHeader }}
{{- end -}}
{{- end }}

{{- define "swe-agent.tokenSecret" -}}
{{ default (printf "%s-api-token" (include "swe-agent.fullname" .)) .Values.gateway.auth.existingSecret }}
{{- end }}
