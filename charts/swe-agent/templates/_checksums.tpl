{{/* What Pods read at their start only: they start anew when it changes. */}}
{{- define "swe-agent.checksums" -}}
checksum/credentials: {{ toJson .Values.credentials | sha256sum | trunc 16 | quote }}
{{- end }}
