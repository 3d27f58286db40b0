# Everything a person types. `make help` lists the targets; README.md shows the two that do everything.

SHELL := /bin/bash
.DEFAULT_GOAL := help

# SwiftPM finds libtorch through the libtorch.pc that Scripts/setup writes. The tool finds its libraries by an absolute
# run path, and by one relative to itself, so that a checkout can move together with its .libtorch/.
export PKG_CONFIG_PATH := $(CURDIR)/.libtorch$(if $(PKG_CONFIG_PATH),:$(PKG_CONFIG_PATH))
LIBRARIES := "$$(pkg-config --variable=libdir libtorch)"
ORIGIN    := $(if $(filter Darwin,$(shell uname)),@executable_path,'$$ORIGIN')
FLAGS     := --configuration release -Xlinker -rpath -Xlinker $(LIBRARIES) \
             -Xlinker -rpath -Xlinker $(ORIGIN)/../../../.libtorch/lib

# Tests run beside each other; threads of several operations at once would only wait for one another.
ONE_THREAD := OMP_NUM_THREADS=1

SOURCES   := Package.swift Sources Tests Examples
SCRIPTS   := Deploy/check-device Deploy/device-kit Deploy/dist Deploy/gather Deploy/install Deploy/launcher \
             Deploy/link Deploy/pack Deploy/version Deploy/slurm/predict.sh \
             Deploy/slurm/reproduce.sh Deploy/slurm/train.sh Scripts/cuda-recorder Scripts/setup Scripts/swift-quietly \
             Scripts/test-quietly Scripts/check-device-kit Scripts/check-dist Scripts/check-example \
             Scripts/check-install Scripts/check-python Scripts/check-readme Scripts/check-wheel Scripts/time-to-value \
             Scripts/oracle/parity.sh .ci/run
# Where `make install` puts the tool; DESTDIR stands before it, for packages.
PREFIX ?= /usr/local
LIBRARY_TARGETS := Pickle Torch Images Datasets Tokenization ClassificationMetrics CLIP PromptLearning Embedded

.PHONY: help setup build install check-prefix uninstall dist check-dist wheel check-wheel check-device device-kit \
        check-device-kit demo test swift-test parity \
        bench bench-serve check-serve format lint docs clean

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 18

setup: ## install what is missing: system packages, libtorch into .libtorch/
	@Scripts/setup

build: setup ## build the tool as .build/release/cocoop
	@Scripts/swift-quietly build --product cocoop $(FLAGS)

install: check-prefix build ## put cocoop into PREFIX/bin (/usr/local), with its resources and libtorch in PREFIX/lib/cocoop
	@Deploy/install "$(DESTDIR)$(PREFIX)"

check-prefix:
	@Deploy/install --check "$(DESTDIR)$(PREFIX)"

uninstall: ## take away what `make install` put into PREFIX
	@Deploy/install --remove "$(DESTDIR)$(PREFIX)"

# COMPRESSION is zstd's level, 19 by default: 3 is quick.
dist: build ## write dist/cocoop-VERSION-linux-ARCHITECTURE.tar.zst, which runs on a bare Debian or Ubuntu
	@Deploy/dist

check-dist: ## try the archive of `make dist` in a bare Debian 12, as root and with debootstrap
	@Scripts/check-dist

wheel: build ## write dist/cocoop-VERSION-….whl, which uses the libraries of an installed torch
	@Deploy/wheel

check-wheel: ## try the wheel of `make wheel` in a fresh Python environment with torch from pip's index
	@Scripts/check-wheel

# DEVICE=cpu is a dry run. MODEL names a checkpoint to check in the place of ViT-B/16 with random weights, PYTHON a
# program with torch, whose CoCoOp step is timed, too. `Scripts/setup --cuda` fetches what a GPU needs.
check-device: build ## compare a GPU with the CPU and measure its speed: make check-device DEVICE=cuda
	@MODEL="$(MODEL)" PYTHON="$(PYTHON)" Deploy/check-device "$(or $(DEVICE),cuda)"

device-kit: build ## write dist/cocoop-device-kit-….tar.zst: that check for a machine with a GPU and without Swift
	@Deploy/device-kit

check-device-kit: ## try the kit of `make device-kit` on the CPU, elsewhere and without this environment
	@Scripts/check-device-kit

demo: build ## train zero-shot CLIP, CoOp and CoCoOp on the bundled images and compare them
	@.build/release/cocoop demo

test: setup lint build ## every check: style, the README's commands (with the example package), installing, Python, all tests
	@Scripts/check-readme
	@Scripts/time-to-value
	@Scripts/check-install
	@Scripts/check-python
	@Scripts/swift-quietly build --build-tests $(FLAGS)
	@$(ONE_THREAD) Scripts/test-quietly --skip-build $(FLAGS)

swift-test: build ## the Swift tests alone
	@Scripts/swift-quietly build --build-tests $(FLAGS)
	@$(ONE_THREAD) Scripts/test-quietly --skip-build $(FLAGS)

# REFERENCE and TOOLBOX name checkouts of KaiyangZhou/CoOp and KaiyangZhou/Dassl.pytorch, DATA and SPLITS where
# Caltech101 and Flowers102 lie: with them, the reference's own scripts are run too. REPOSITORIES is a folder of clones of
# the later methods' programs, named OWNER+NAME, for their scripts and loaders.
parity: build ## record the reference values anew with PyTorch and run the tests against them
	@Scripts/oracle/parity.sh
	@Scripts/swift-quietly build --build-tests $(FLAGS)
	@$(ONE_THREAD) Scripts/test-quietly --skip-build $(FLAGS)
	@.oracle/bin/python Scripts/oracle/check_checkpoints.py
	@.oracle/bin/python Scripts/oracle/check_prompt_files.py
	@if command -v chromium >/dev/null; then .oracle/bin/python Scripts/oracle/check_report.py; \
	 else echo "parity: chromium is not installed, so no report was looked at"; fi
	@.oracle/bin/python Scripts/oracle/check_events.py
	@.oracle/bin/python Scripts/oracle/check_onnx.py
	@if [ -n "$(REFERENCE)" ]; then .oracle/bin/python Scripts/oracle/compat.py --reference "$(REFERENCE)" \
	   --toolbox "$(TOOLBOX)" --data "$(or $(DATA),../shared/data)" --splits "$(or $(SPLITS),../shared/splits)"; fi
	@if [ -n "$(REPOSITORIES)" ]; then \
	   .oracle/bin/python Scripts/oracle/check_loaders.py --repositories "$(REPOSITORIES)" && \
	   .oracle/bin/python Scripts/oracle/compat_methods.py --repositories "$(REPOSITORIES)" \
	     --data "$(or $(DATA),../shared/data)" --splits "$(or $(SPLITS),../shared/splits)"; fi
	@git --no-pager diff --stat -- Tests

# With REPOSITORIES, a folder of clones named OWNER+NAME, a step of each method is measured beside its authors' classes.
bench: build ## measure the tool beside PyTorch and write the figures into docs/performance.md
	@Scripts/oracle/parity.sh environment
	@.oracle/bin/python Scripts/oracle/bench.py
	@if [ -n "$(REPOSITORIES)" ]; then \
	   .oracle/bin/python Scripts/oracle/benchmark_methods.py --repositories "$(REPOSITORIES)" --write; fi

# SECONDS_EACH is for each of several measurements, SOAK for the memory under load; the whole takes about 25 minutes as it is.
bench-serve: build ## measure `cocoop serve` under load and write the figures into docs/serving.md
	@Scripts/oracle/parity.sh environment
	@.oracle/bin/python Scripts/serving/bench.py --write --seconds $(or $(SECONDS_EACH),8) --soak $(or $(SOAK),600)

# A Python environment of its own, with schemathesis and playwright; the page needs a Chromium on the PATH.
check-serve: build ## hold `cocoop serve` to its description, damage its requests, use its page in Chromium
	@[ -x .oracle-serve/bin/python ] || { python3 -m venv .oracle-serve && \
	   .oracle-serve/bin/pip install --quiet --requirement Scripts/serving/requirements.txt; }
	@.oracle-serve/bin/python Scripts/serving/contract.py
	@.oracle-serve/bin/python Scripts/serving/page.py
	@.oracle-serve/bin/python Scripts/serving/faults.py

format: ## lay the Swift sources out by .swift-format
	@swift format --in-place --recursive $(SOURCES)

# shellcheck and python3 may be missing: what they check is then left out, and said.
lint: ## check the Swift sources by .swift-format, the documents, and the scripts by shellcheck where it is installed
	@swift format lint --strict --recursive $(SOURCES)
	@if command -v shellcheck >/dev/null; then shellcheck $(SCRIPTS); \
	 else echo "lint: shellcheck is not installed, so the scripts were not checked"; fi
	@if command -v python3 >/dev/null; then Scripts/check-documents; \
	 else echo "lint: python3 is not installed, so the documents were not checked"; fi

# A parameter is documented where its name doesn't say it all, so DocC must not ask for the others.
docs: setup ## write the libraries' documentation to .build/docs/TARGET
	@mkdir -p .build/docs
	@for target in $(LIBRARY_TARGETS); do \
	   Scripts/swift-quietly package --allow-writing-to-directory .build/docs \
	     generate-documentation --target $$target --output-path .build/docs/$$target \
	     --disable-parameters-and-returns-validation --warnings-as-errors || exit 1; \
	 done

clean: ## remove what was built, dist/ too; .libtorch/ and runs/ stay
	@rm -rf .build Examples/*/.build dist
