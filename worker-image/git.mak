# A git that is one static program and finds its own files wherever it lies. It has nothing that needs the network or a
# scripting language: the operator fetches and pushes, a sandbox never does.
CFLAGS = -O2
LDFLAGS = -static
prefix = /
gitexecdir = libexec/git-core
template_dir = share/git-core/templates
RUNTIME_PREFIX = YesPlease
INSTALL_SYMLINKS = YesPlease
NO_CURL = YesPlease
NO_EXPAT = YesPlease
NO_GETTEXT = YesPlease
NO_ICONV = YesPlease
NO_INSTALL_HARDLINKS = YesPlease
NO_OPENSSL = YesPlease
NO_PERL = YesPlease
NO_PYTHON = YesPlease
NO_TCLTK = YesPlease
SKIP_DASHED_BUILT_INS = YesPlease
