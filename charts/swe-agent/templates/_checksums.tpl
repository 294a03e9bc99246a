{{/* What Pods read at their start only: they start anew when it changes. */}}
{{- define "swe-agent.checksums" -}}
{{- $given := dict -}}
{{- range $name, $value := .Values.credentials }}{{ if $value }}{{ $given = set $given $name $value }}{{ end }}{{ end -}}
checksum/credentials: {{ toJson $given | sha256sum | trunc 16 | quote }}
{{- end }}
