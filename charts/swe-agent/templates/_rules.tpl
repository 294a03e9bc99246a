{{/* Rights, each with what it is for. In every namespace of sessions. */}}

{{- define "swe-agent.operatorRules" -}}
- apiGroups: [sweagent.dev]
  resources: [agentsessions]
  # patch: the finalizer. delete: ttlSecondsAfterFinished.
  verbs: [get, list, watch, patch, delete]
- apiGroups: [sweagent.dev]
  resources: [aiprofiles]
  verbs: [get, list, watch]
- apiGroups: [sweagent.dev]
  resources: [agentsessions/status, aiprofiles/status]
  verbs: [patch]
- apiGroups: [""]
  resources: [secrets]
  # Only those with the label sweagent.dev/credential are asked for; a Role cannot say so.
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, create, delete]
- apiGroups: [""]
  resources: [pods/exec]
  # The API server asks for get or create, depending on its version.
  verbs: [get, create]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, create, update, delete]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
- apiGroups: [""]
  resources: [events]
  # Why the kubelet cannot make a Pod is told there only.
  verbs: [list]
{{- end }}

{{/* The ready-made profile from the environment, in one namespace. A right to create cannot name its objects. */}}
{{- define "swe-agent.environmentProfileRules" -}}
- apiGroups: [sweagent.dev]
  resources: [aiprofiles]
  verbs: [create]
- apiGroups: [sweagent.dev]
  resources: [aiprofiles]
  resourceNames: [env-openai, env-openai-compatible, env-azure, env-gemini, env-anthropic, env-ollama]
  verbs: [update, delete]
- apiGroups: [""]
  resources: [secrets]
  verbs: [create]
- apiGroups: [""]
  resources: [secrets]
  resourceNames: [env-openai, env-openai-compatible, env-azure, env-gemini, env-anthropic, env-ollama]
  verbs: [update, delete]
{{- end }}

{{/* Profiles and their keys, where the gateway does as itself what its callers ask for. */}}
{{- define "swe-agent.gatewayProfileRules" -}}
- apiGroups: [sweagent.dev]
  resources: [aiprofiles]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [secrets]
  # A key is in a Secret of its own with the label sweagent.dev/credential; a Role cannot tell those from others.
  verbs: [get, list, watch, create, update]
{{- end }}

{{/* What the gateway does as itself. With auth.mode kubernetes it acts with the caller's token, and itself only looks. */}}
{{- define "swe-agent.gatewayRules" -}}
- apiGroups: [sweagent.dev]
  resources: [agentsessions]
  {{- if eq .Values.gateway.auth.mode "kubernetes" }}
  verbs: [get, list, watch]
  {{- else }}
  verbs: [get, list, watch, create, patch, update, delete]
  {{- end }}
{{- end }}
