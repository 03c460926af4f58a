"""FLUX.1-dev with GenFocus' LoRA files: DeblurNet (phase 2) and BokehNet (phase 5).

Read it in the order of the maths: noise, tokens, conditions, vae, schedule, lora, weights, modulation,
attention, forward, tiling, sampler; then what surrounds it: prompts, loading, environment, memory, and the
two nets, deblurnet and bokehnet. torch is imported freely here, diffusers and transformers only inside the
functions that load.
"""
