# The backbone that $PEER names: mmpretrain's ConvNeXt, Swin (arXiv 2103.14030) or ResNet-18 (arXiv
# 1512.03385), narrowed to the sizes of our nano models, `nano` to Heracles' and `nano_wide` to
# HAMSA's: classifiers at 128 px have parameters and multiply-adds within 10 % of theirs, to which
# tests/test_peers.py holds them. Beside our S models stand Swin-T, with windows of 4, and
# ConvNeXt-T, both with the drop path of ours.
swin = dict(
    type='mmpretrain.SwinTransformer',
    window_size=4,  # as many windows at 128 px as 7 give at 224
    pad_small_map=True,
    drop_path_rate=0.0,
)
resnet = dict(type='mmpretrain.ResNet', depth=18)
convnext = dict(type='mmpretrain.ConvNeXt', drop_path_rate=0.0)
depths, heads = [2, 2, 6, 1], [1, 2, 4, 8]
peers = dict(
    swin_nano=dict(swin, arch=dict(embed_dims=32, depths=depths, num_heads=heads)),
    swin_nano_wide=dict(swin, arch=dict(embed_dims=36, depths=depths, num_heads=heads)),
    resnet_nano=dict(resnet, base_channels=28, stem_channels=64),
    resnet_nano_wide=dict(resnet, base_channels=32, stem_channels=96),
    convnext_nano=dict(convnext, arch=dict(depths=[2, 2, 8, 2], channels=[40, 80, 136, 200])),
    convnext_nano_wide=dict(convnext, arch=dict(depths=[2, 2, 8, 2], channels=[44, 88, 168, 200])),
    swin_t=dict(swin, arch=dict(embed_dims=96, depths=[2, 2, 6, 2], num_heads=[3, 6, 12, 24])),
    convnext_t=dict(convnext, arch=dict(depths=[3, 3, 9, 3], channels=[96, 192, 384, 768])),
)
for tiny in ('swin_t', 'convnext_t'):
    peers[tiny]['drop_path_rate'] = 0.1
peer = '{{$PEER:swin_nano}}'
backbone = peers[peer]
first = backbone.get('base_channels') or backbone.get('arch', {}).get('embed_dims')
channels = [first, 2 * first, 4 * first, 8 * first] if first else backbone['arch']['channels']
pools = peer.startswith('convnext')  # itself, before its last norm
maps = dict(out_indices=[0, 1, 2, 3], **(dict(gap_before_final_norm=False) if pools else {}))
